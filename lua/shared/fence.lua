-- lua/shared/fence.lua
-- needs: LEASES, epoch_of
-- gives: fence(fields, leases, tokens, first) -> overtaken, ended, awaited; end_leases(ended, awaited)
-- Which puts an invalidation or a later start has overtaken (their indices), whose leases end, and
-- which of those are waited for. The layout is that of shared/lease.lua.
local function is_void(lease, epochs)
  local method = string.sub(lease, 34)
  if epochs[method] == nil then epochs[method] = epoch_of(method) end
  return string.sub(lease, 26, 33) ~= epochs[method]
end

local function fence(fields, leases, tokens, first)
  local epochs, overtaken, ended, awaited = {}, {}, {}, {}
  for i, field in ipairs(fields) do
    local lease, token = leases[i], tokens[first + i]
    local is_over = lease and is_void(lease, epochs)
    -- An empty token is found in each of them.
    local is_held = lease and not is_over and string.find(lease, token, 9, true) == 9
    if token ~= '' and not is_held then overtaken[#overtaken + 1] = i end
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
