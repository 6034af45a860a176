-- lua/shared/current_entry.lua
-- needs: epoch_of, HEADER
-- gives: is_current(entry)
-- Whether an entry has the epoch of its method. What is too short to be one, the client discards.
local function is_current(entry)
  if #entry < HEADER then return true end
  return string.sub(entry, 33, 40) == epoch_of(string.sub(entry, 57, 64))
end
