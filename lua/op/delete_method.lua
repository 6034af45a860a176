-- lua/op/delete_method.lua
-- needs: RANKING, VALUES, clock, tag_of, raise_epoch
-- ARGV: cursor, tag
-- returns: {next cursor, how many entries of the method with that tag this step removed}
-- The first step raises the method's epoch: nothing that is being computed for it will be stored.
redis.call('ZCARD', RANKING)
local step, fields = redis.call('HSCAN', VALUES, ARGV[1], 'COUNT', 200), {}
if ARGV[1] == '0' then raise_epoch(ARGV[2], clock(0)) end
for i = 1, #step[2], 2 do
  if tag_of(step[2][i + 1]) == ARGV[2] then fields[#fields + 1] = step[2][i] end
end
for first = 1, #fields, 1000 do
  local last = math.min(first + 999, #fields)
  redis.call('HDEL', VALUES, unpack(fields, first, last))
  redis.call('ZREM', RANKING, unpack(fields, first, last))
end
return {step[1], #fields}
