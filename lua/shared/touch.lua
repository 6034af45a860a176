-- lua/shared/touch.lua
-- needs: hit
-- gives: touch(args, first)
-- Applies hits that were recorded before: from `first` on, a field, the instant of its last hit in
-- microseconds, and how many hits there were, in the order of the last hits.
local function touch(args, first)
  for i = first, #args, 3 do
    hit(args[i], tonumber(args[i + 1]), tonumber(args[i + 2]))
  end
end
