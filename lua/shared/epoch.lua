-- lua/shared/epoch.lua
-- needs: LEASES
-- gives: state_of(method) -> epoch and builds, or false; epoch_of(method) -> 8 bytes, or false;
--   set_state(method, state)
-- All entries of a method have its epoch, which is random: a new one invalidates them all, with the
-- computations that are under way. The builds are those that may have stored, 4 bytes each: to
-- remove the entry of a call is to remove that of every build. This state stands among the leases,
-- under a name that no field has (a field has 20 bytes). If it is lost, the method has no entries.
local METHOD = 'm'

local function state_of(method)
  return redis.call('HGET', LEASES, METHOD .. method)
end

local function epoch_of(method)
  local state = state_of(method)
  return state and string.sub(state, 1, 8)
end

local function set_state(method, state)
  redis.call('HSET', LEASES, METHOD .. method, state)
end
