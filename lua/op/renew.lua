-- lua/op/renew.lua
-- needs: clock, lease_of, set_lease, keep_leases
-- ARGV: field, token, lease_ms
-- returns: 1 if the lease was still this token's and has a new deadline, else 0
local _, holder, awaited, began = lease_of(ARGV[1])
if holder ~= ARGV[2] then return 0 end
local now_ms = math.floor(clock(0) / 1000)
set_lease(ARGV[1], now_ms + tonumber(ARGV[3]), holder, awaited, began)
keep_leases(now_ms)
return 1
