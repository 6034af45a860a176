-- lua/op/delete_method.lua
-- needs: RANKING, VALUES, LEASES, state_of, set_state
-- ARGV: method, new epoch, 1 if the pair holds no other method's entries
-- returns: nothing. Entries of the method are absent from now on, and nothing that is being computed
--   for it will be stored.
redis.call('ZCARD', RANKING)
redis.call('HLEN', VALUES)
local state = state_of(ARGV[1])
-- A server that is full lets a script write on that has freed something, or tried to.
redis.call('HDEL', LEASES, '')
if state then set_state(ARGV[1], ARGV[2] .. string.sub(state, 9)) end
if ARGV[3] == '1' then redis.call('UNLINK', RANKING, VALUES) end
