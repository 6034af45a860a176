-- lua/shared/fence.lua
-- needs: LEASES, epoch_of, is_outdated
-- gives: fence(fields, leases, args, tokens, tags) -> overtaken, ended, awaited; end_leases(ended, awaited)
-- Which puts an invalidation or a later start has overtaken (their indices), whose leases end, and
-- which of those are waited for. The layout is that of shared/lease.lua. Before which arguments the
-- tokens and the tags stand is given; tags are 8 bytes of clock and 8 of each tag, or nothing.
local function is_void(lease, epochs)
  local method = string.sub(lease, 34)
  if epochs[method] == nil then epochs[method] = epoch_of(method) end
  return string.sub(lease, 26, 33) ~= epochs[method]
end

local function fence(fields, leases, args, tokens, tags)
  local epochs, overtaken, ended, awaited = {}, {}, {}, {}
  for i, field in ipairs(fields) do
    local lease, token, its = leases[i], args[tokens + i], tags and args[tags + i] or ''
    local is_over = lease and is_void(lease, epochs)
    -- An empty token is found in each of them.
    local is_held = lease and not is_over and string.find(lease, token, 9, true) == 9
    local is_overtaken = token ~= '' and not is_held
    if its ~= '' then
      is_overtaken = is_overtaken or is_outdated(struct.unpack('<I8', its), string.sub(its, 9))
    end
    if is_overtaken then overtaken[#overtaken + 1] = i end
    local ends = is_held or is_over
    if ends then ended[#ended + 1] = field end
    if ends and string.byte(lease, 25) == 1 then awaited[#awaited + 1] = field end
  end
  return overtaken, ended, awaited
end

local function end_leases(ended, awaited)
  if #ended > 0 then redis.call('HDEL', LEASES, unpack(ended)) end
  -- pcall: where messages are not allowed, callers that wait look again later.
  for _, field in ipairs(awaited) do redis.pcall('PUBLISH', LEASES, field) end
end
