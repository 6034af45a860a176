-- lua/op/renew.lua
-- needs: clock, lease_of, set_lease, keep_leases
-- ARGV: lease_ms, then fields, each with its token
-- returns: for each field, 1 if the lease was still that token's and has a new deadline, else 0
local lease_ms, now_ms, renewed = tonumber(ARGV[1]), math.floor(clock(0) / 1000), {}
for at = 2, #ARGV, 2 do
  local field = ARGV[at]
  local _, holder, awaited, origin = lease_of(field)
  local is_held = holder == ARGV[at + 1]
  if is_held then set_lease(field, now_ms + lease_ms, holder, awaited, origin) end
  renewed[#renewed + 1] = is_held and 1 or 0
end
keep_leases(now_ms)
return renewed
