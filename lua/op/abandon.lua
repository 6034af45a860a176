-- lua/op/abandon.lua
-- needs: clock, lease_of, set_lease, end_lease, NOBODY, LONGEST_PAUSE_MS
-- ARGV: field, token, pause_ms
-- returns: 1 if the lease was still this token's, else 0
-- With a pause, nobody starts a refresh before it is over; who has no value does not mind it.
local field, pause_ms = ARGV[1], math.min(tonumber(ARGV[3]), LONGEST_PAUSE_MS)
local _, holder, _, began = lease_of(field)
if holder == '' or holder == ARGV[2] then end_lease(field) end
if holder ~= ARGV[2] then return 0 end
if pause_ms > 0 then
  set_lease(field, math.floor(clock(0) / 1000) + pause_ms, NOBODY, false, began)
end
return 1
