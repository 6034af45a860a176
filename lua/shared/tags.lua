-- lua/shared/tags.lua
-- needs: LEASES
-- gives: CLOCK, TAG; tags_of(tags) -> what is stored of the clock, then of each tag;
--   is_outdated(began, tags) -> whether one of the tags has been invalidated since
-- A pair counts the invalidations of tags: that is its clock. A tag (8 bytes, a digest) has a stamp,
-- the clock when it was last invalidated and when it last expired. An entry has the clock from when
-- its computation began: a stamp above that ends it. Stamps are forgotten in the order of their age;
-- then the clock says below what they are missing. All of them stand among the leases, so that they
-- are lost only together with the epochs, without which there are no entries.
-- Clock: '<I8I8I4I8' (now, forgotten, stamps, middle). Stamp: '<I8I8' (invalidated, expired).
local CLOCK, TAG = 'c' .. string.rep('\0', 8), 't'

local function tags_of(tags)
  local names = {CLOCK}
  for at = 1, #tags, 8 do names[#names + 1] = TAG .. string.sub(tags, at, at + 7) end
  return redis.call('HMGET', LEASES, unpack(names))
end

local function is_outdated(began, tags)
  for i, stored in ipairs(tags_of(tags)) do
    if stored then
      local first, second = struct.unpack('<I8I8', stored)
      if began < (i == 1 and second or first) then return true end
    end
  end
  return false
end
