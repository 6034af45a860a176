-- lua/op/end_tags.lua
-- needs: LEASES, CLOCK, TAG, forget_tags
-- ARGV: 'i' or 'x', then tags, 8 bytes each; with none, all tags are meant
-- returns: how many stamps were forgotten. What began before now and has one of these tags is
--   invalidated ('i') or stale ('x'), and what is being computed for it will not be stored ('i').
-- Above MOST_STAMPS the older half is forgotten: what began before those counts as invalidated.
local MOST_STAMPS = 10000

-- Without a clock nothing with tags has been computed since there are epochs.
local clock = redis.call('HGET', LEASES, CLOCK)
if not clock then return 0 end
-- A server that is full lets a script write on that has freed something, or tried to.
redis.call('HDEL', LEASES, '')
local now, before, stamps, middle = struct.unpack('<I8I8I4I8', clock)
now = now + 1

local function stamp(tag)
  local known = redis.call('HGET', LEASES, TAG .. tag)
  local invalidated, expired = struct.unpack('<I8I8', known or string.rep('\0', 16))
  if ARGV[1] == 'i' then invalidated = now else expired = now end
  redis.call('HSET', LEASES, TAG .. tag, struct.pack('<I8I8', invalidated, expired))
  if not known then stamps = stamps + 1 end
end

local forgotten = 0
local function forget(until_now)
  local some = forget_tags(until_now)
  before, stamps = math.max(before, until_now), math.max(stamps - some, 0)
  forgotten = forgotten + some
end

if #ARGV == 1 then
  forget(now)
  middle = 0
end
for i = 2, #ARGV do stamp(ARGV[i]) end
if middle == 0 and stamps >= MOST_STAMPS / 2 then middle = now end
if stamps > MOST_STAMPS then
  forget(middle)
  -- Those of the older half may have been renewed since.
  if stamps > MOST_STAMPS * 0.75 then forget(now) end
  middle = now
end
redis.call('HSET', LEASES, CLOCK, struct.pack('<I8I8I4I8', now, before, stamps, middle))
return forgotten
