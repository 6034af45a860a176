-- lua/shared/epoch.lua
-- needs: LEASES
-- gives: pair_clock() -> the last stamp of the pair, epoch_of(tag) -> the last one of that method,
--   raise_epoch(tag, now_us)
-- To invalidate all entries of a method is to stamp it: what began before may not store. Stamps are
-- microseconds by the pair's clock, which is the server's, except for steps back: no stamp is below
-- an earlier one. They are among the leases, under names that no field has (a field has 20 bytes),
-- and are lost together with them: a computation without a lease stores nothing.
local CLOCK, EPOCH = 'clock', 'm'

local function pair_clock()
  return tonumber(redis.call('HGET', LEASES, CLOCK) or 0)
end

local function epoch_of(tag)
  return tonumber(redis.call('HGET', LEASES, EPOCH .. tag) or 0)
end

local function raise_epoch(tag, now_us)
  -- Without leases nothing is being computed.
  if redis.call('HLEN', LEASES) == 0 then return end
  local stamp = math.max(now_us, pair_clock() + 1)
  redis.call('HSET', LEASES, CLOCK, stamp, EPOCH .. tag, stamp)
end
