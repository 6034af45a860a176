-- lua/op/delete.lua
-- needs: RANKING, VALUES, state_of, end_lease, builds_of
-- ARGV: method; the build whose entries stay, or ''; then at most 1,000 fields of the method's calls
-- returns: how many entries there were, of whichever build; what is being computed for these calls
--   will not be stored
local function delete(fields)
  local removed = redis.call('HDEL', VALUES, unpack(fields))
  redis.call('ZREM', RANKING, unpack(fields))
  for _, field in ipairs(fields) do end_lease(field) end
  return removed
end

redis.call('ZCARD', RANKING)
redis.call('HLEN', VALUES)
local builds, stays, fields = builds_of(state_of(ARGV[1])), ARGV[2], {unpack(ARGV, 3)}
-- A build that has not been registered has stored nothing, and computes nothing.
local removed = #builds == 0 and stays == '' and delete(fields) or 0
for _, build in ipairs(builds) do
  if build ~= stays then
    for i, field in ipairs(fields) do fields[i] = string.sub(field, 1, 16) .. build end
    removed = removed + delete(fields)
  end
end
return removed
