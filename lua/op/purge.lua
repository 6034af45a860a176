-- lua/op/purge.lua
-- needs: RANKING, VALUES
-- returns: how many entries the pair held; UNLINK frees them off the server's main thread
local size = redis.call('ZCARD', RANKING)
redis.call('HLEN', VALUES)
redis.call('UNLINK', RANKING, VALUES)
return size
