-- lua/op/delete_method.lua
-- needs: RANKING, VALUES, tag_of
-- ARGV: cursor, tag
-- returns: {next cursor, how many entries of the method with that tag went in this step}
redis.call('ZCARD', RANKING)
local step, fields = redis.call('HSCAN', VALUES, ARGV[1], 'COUNT', 200), {}
for i = 1, #step[2], 2 do
  if tag_of(step[2][i + 1]) == ARGV[2] then fields[#fields + 1] = step[2][i] end
end
for first = 1, #fields, 1000 do
  local last = math.min(first + 999, #fields)
  redis.call('HDEL', VALUES, unpack(fields, first, last))
  redis.call('ZREM', RANKING, unpack(fields, first, last))
end
return {step[1], #fields}
