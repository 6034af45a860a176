-- lua/shared/touch.lua
-- needs: RANKING, above_all, hit, HIT_SCORE
-- gives: touch(args, first)
-- Applies hits that were recorded before: from `first` on, a field, the instant of its last hit in
-- microseconds, and how many hits there were, in the order of the last hits. Where a hit does no
-- more than set a score, many of them are one command: `HIT_SCORE` is 'instant' or 'above' then.
local function touch(args, first)
  if not HIT_SCORE then
    for i = first, #args, 3 do hit(args[i], tonumber(args[i + 1]), tonumber(args[i + 2])) end
    return
  end
  local above = HIT_SCORE == 'above' and #args >= first and above_all()
  for batch = first, #args, 1500 do
    local scored = {}
    for i = batch, math.min(batch + 1499, #args), 3 do
      scored[#scored + 1] = above or args[i + 1]
      scored[#scored + 1] = args[i]
      if above then above = above + 1 end
    end
    redis.call('ZADD', RANKING, 'XX', unpack(scored))
  end
end
