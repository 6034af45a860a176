-- lua/op/complete_index.lua
-- needs: KEYS
-- ARGV: the field that was added before a scan for pairs; then the pairs that it found
-- returns: 1, or 0 if the index has been lost since: then it may lack pairs that were added meanwhile
-- The key is an index of the pairs of a cache: of all, or of those with tags. Its field '' says that it has all pairs.
local INDEX = KEYS[1]
for i = 2, #ARGV do redis.call('HSET', INDEX, ARGV[i], '') end
if redis.call('HDEL', INDEX, ARGV[1]) == 0 then return 0 end
redis.call('HSET', INDEX, '', '')
return 1
