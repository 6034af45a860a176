-- lua/op/abandon.lua
-- needs: clock, lease_of, set_lease, end_lease, NO_HOLDER, LONGEST_PAUSE_MS
-- ARGV: field, token, pause_ms
-- returns: 1 if the lease was still this token's, else 0
-- With a pause, no refresh starts before it is over; a call without a value does not wait for it.
local field, pause_ms = ARGV[1], math.min(tonumber(ARGV[3]), LONGEST_PAUSE_MS)
local _, holder, _, origin = lease_of(field)
if holder == '' or holder == ARGV[2] then end_lease(field) end
if holder ~= ARGV[2] then return 0 end
if pause_ms > 0 then
  set_lease(field, math.floor(clock(0) / 1000) + pause_ms, NO_HOLDER, false, origin)
end
return 1
