-- lua/op/begin.lua
-- needs: RANKING, VALUES, clock, is_alive, is_current, epoch_of, register, lease_of, set_lease, keep_leases,
--   NO_HOLDER, LONGEST_PAUSE_MS, SKEW_MS, LEASES, CLOCK, tags_of
-- ARGV: field, forced_us, token, lease_ms, manner, unwanted, method, new epoch if the method has none;
--   if it may have tags, those of the call, 8 bytes each
-- returns: {now_us, 'hit', epoch, entry, tags}, {now_us, 'wait', epoch, left_ms, token of the lease} or
--   {now_us, 'lead', epoch, tags}; tags are what is stored of them, if they were asked for
-- `manner`: 0 takes over a lease that is held, 1 waits for it, 2 also waits for the end of a pause.
-- `unwanted`: '' if any live entry will do, '*' if none will, else the instant of creation of the
-- one that will not.
local field, now_us, token, lease_ms = ARGV[1], clock(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local manner, unwanted = tonumber(ARGV[5]), ARGV[6]
-- Where a key is of a foreign type the script ends here, before it has written.
redis.call('ZCARD', RANKING)
redis.call('HLEN', VALUES)
local method, deadline_ms, holder, awaited, origin = ARGV[7], lease_of(field)
local tags = ARGV[9] and tags_of(ARGV[9]) or nil

local entry = unwanted ~= '*' and redis.call('HGET', VALUES, field)
if entry and (unwanted == '' or string.sub(entry, 9, 16) ~= unwanted) then
  if is_alive(entry, math.floor(now_us / 1000)) and is_current(entry) then
    return {now_us, 'hit', epoch_of(method), entry, tags}
  end
end

-- The server's own clock, also in tests that set the clock: no caller waits by that one.
local now_ms = math.floor(clock(0) / 1000)
local left_ms, is_pause = deadline_ms - now_ms, holder == NO_HOLDER
-- No client asks for more than that: the server's clock has been set back since.
if left_ms > (is_pause and LONGEST_PAUSE_MS or lease_ms) + SKEW_MS then left_ms = 0 end
-- Its own is that of a claim whose reply was lost: then it is registered here, and set once more.
if left_ms > 0 and holder ~= token and manner >= (is_pause and 2 or 1) then
  if not awaited and not is_pause then set_lease(field, deadline_ms, holder, true, origin) end
  return {now_us, 'wait', string.sub(origin, 1, 8), left_ms, holder}
end
local epoch = register(method, string.sub(field, 17), ARGV[8])
set_lease(field, now_ms + lease_ms, token, awaited, epoch .. method)
-- Invalidations of tags pass by a pair that has no clock.
if tags then redis.call('HSETNX', LEASES, CLOCK, string.rep('\0', 28)) end
keep_leases(now_ms)
return {now_us, 'lead', epoch, tags}
