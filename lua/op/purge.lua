-- lua/op/purge.lua
-- needs: RANKING, VALUES, LEASES
-- returns: how many entries the pair held; UNLINK frees them off the server's main thread.
-- What is being computed for the pair will not be stored.
local size = redis.call('ZCARD', RANKING)
redis.call('HLEN', VALUES)
redis.call('HLEN', LEASES)
redis.call('UNLINK', RANKING, VALUES, LEASES)
return size
