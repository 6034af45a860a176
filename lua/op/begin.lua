-- lua/op/begin.lua
-- needs: VALUES, clock, is_alive, lease_of, set_lease, origin, keep_leases, NO_HOLDER,
--   LONGEST_PAUSE_MS, SKEW_MS
-- ARGV: field, forced_us, token, lease_ms, manner, unwanted, tag
-- returns: {now_us, 'hit', entry}, {now_us, 'wait', left_ms, token of the lease} or {now_us, 'lead'}
-- `manner`: 0 takes over a lease that is held, 1 waits for it, 2 also waits for the end of a pause.
-- `unwanted`: '' if any live entry will do, '*' if none will, else the instant of creation of the
-- one that will not.
local field, now_us, token, lease_ms = ARGV[1], clock(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local manner, unwanted = tonumber(ARGV[5]), ARGV[6]
local deadline_ms, holder, awaited, began = lease_of(field)

local entry = unwanted ~= '*' and redis.call('HGET', VALUES, field)
if entry and (unwanted == '' or string.sub(entry, 9, 16) ~= unwanted) then
  if is_alive(entry, math.floor(now_us / 1000)) then return {now_us, 'hit', entry} end
end

-- The server's own clock, also in tests that set the clock: no caller waits by that one.
local now_ms = math.floor(clock(0) / 1000)
local left_ms, is_pause = deadline_ms - now_ms, holder == NO_HOLDER
-- No client asks for more than that: the server's clock has been set back since.
if left_ms > (is_pause and LONGEST_PAUSE_MS or lease_ms) + SKEW_MS then left_ms = 0 end
if left_ms > 0 and manner >= (is_pause and 2 or 1) then
  if not awaited and not is_pause then set_lease(field, deadline_ms, holder, true, began) end
  return {now_us, 'wait', left_ms, holder}
end
set_lease(field, now_ms + lease_ms, token, awaited, origin(ARGV[7]))
keep_leases(now_ms)
return {now_us, 'lead'}
