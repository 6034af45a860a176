-- lua/shared/builds.lua
-- needs: state_of, set_state
-- gives: builds_of(state) -> 4 bytes each; register(method, build, new_epoch) -> epoch
-- A computation has its build registered before it begins, so no invalidation misses what it stores.
-- Above MOST_BUILDS a new epoch begins, for the last one alone: the others register again.
local MOST_BUILDS = 16

local function builds_of(state)
  local builds = {}
  for at = 9, #(state or ''), 4 do builds[#builds + 1] = string.sub(state, at, at + 3) end
  return builds
end

local function register(method, build, new_epoch)
  local state = state_of(method)
  local builds = builds_of(state)
  for _, known in ipairs(builds) do
    if known == build then return string.sub(state, 1, 8) end
  end
  if not state or #builds >= MOST_BUILDS then state = new_epoch end
  set_state(method, state .. build)
  return string.sub(state, 1, 8)
end
