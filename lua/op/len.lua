-- lua/op/len.lua
-- needs: RANKING
-- returns: how many entries the pair holds
return redis.call('ZCARD', RANKING)
