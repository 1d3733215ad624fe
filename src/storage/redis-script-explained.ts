/**
 * `core/bucket/explained.ts`, and the part of `pool.ts` for statements, line by line in Lua. All of it is defined in
 * one function, only if there is a statement, because every function costs each call of the script.
 */
export const explainedScript = `
local function hear(bucket, said, now)
  local sameInstant, rounding, farOff, leastHold = 1000, 0.1, 1.5, 2000

  -- What is taken at its word: the pools after it.
  local function hold(bucket, said, now)
    local till, kept = ceil((now + said.ms) * 2048) / 2048, {}
    local stated, meant = till, now + (said.meantFor or said.ms)
    for _, pool in ipairs(bucket.pools or {}) do
      local isReplaced = said.isNewest and said.ms > 0
        and (math.abs(pool[2] - stated) <= sameInstant or math.abs(pool[2] - meant) <= sameInstant)
      if now < pool[2] and not isReplaced then kept[#kept + 1] = pool
      elseif now < pool[2] and pool[1] >= said.remaining then till = min(till, pool[2]) end
    end
    if said.ms > 0 then kept[#kept + 1] = { said.remaining, till } end
    bucket.pools = joinedPools(kept)
    local ms = said.ms
    for _, pool in ipairs(bucket.pools or {}) do
      if pool[1] == said.remaining then ms = min(ms, pool[2] - now) end
    end
    return ms
  end

  local function keepCount(bucket, told, now)
    local past = {}
    for index, rule in ipairs(bucket.rules) do
      local known = bucket.past and bucket.past[index]
      local till = max(known and known['until'] or now, now + rule.span + 2 * told.roundTrip)
      if not known or known['until'] <= now then
        known = { marks = marksOf(bucket, rule, index, now), limits = {} }
      end
      known['until'] = till
      past[index] = known
    end
    bucket.past = past
  end

  local function hasLevel(rule) return (rule.limit.kind or 'leaky-bucket') == 'leaky-bucket' end

  local function numbersOf(rule)
    if hasLevel(rule) then return { rule.limit.rate, rule.burst } end
    return { mostIn(rule, rule.interval) }
  end

  local function areClose(one, other) return math.abs(one / other - 1) <= rounding end

  local function apart(one, other) return max(one / other, other / one) end

  local function meaningOf(rules, told, ms)
    local nearest, least = nil, math.huge
    for index, rule in ipairs(rules) do
      for _, most in ipairs((not told.unit or rule.name == told.unit) and numbersOf(rule) or {}) do
        local isLevel = hasLevel(rule) and most == rule.burst
        local isMeant = not told.window or areClose(rule.interval, told.window) or isLevel and areClose(most, told.limit or most)
        local latest = farOff * max(rule.interval, rule.burst * rule.emission) + 2 * sameInstant
        local isAnother = not told.window and (told.limit and told.limit > most * farOff or not told.limit and ms > latest)
        local distance = told.limit and apart(most, told.limit) or apart(rule.interval, max(0, ms))
        if isMeant and not isAnother and distance < least then
          nearest, least = { index = index, rule = rule, most = most, isLevel = isLevel }, distance
        end
      end
    end
    return nearest
  end

  local function lower(bucket, meant, said, now)
    local told, rule, tat = said.told, meant.rule, bucket.tats[meant.index]
    local own = (tat - (now - 2 * told.roundTrip)) / rule.even
    local isExplained = (told.limit or meant.most) - told.remaining <= own + 1
    if told.keptBack == 0 and isExplained then return 0 end
    local left = said.remaining - told.keptBack
    local lowered = max(tat, wholeUp(now + rule.tolerance + (1 - left) * rule.emission, tick))
    bucket.tats[meant.index] = lowered
    if lowered == tat then return 0 end
    return isExplained and -rule.emission or rule.emission
  end

  local function cap(bucket, meant, said, now)
    local told, rule, most, counted = said.told, meant.rule, meant.most, bucket.past[meant.index]
    local own = callsIn(counted.marks, rule.span, now - 2 * told.roundTrip)
    local limit, keptBack = told.limit or most, told.keptBack
    local isOther = not told.window and limit < most * (1 - rounding) and own > limit * farOff
    if isOther and told.remaining > 0 then
      hold(bucket, said, now)
      return 0
    end
    local others = max(0, limit - told.remaining - own - (keptBack > 0 and 0 or 1))
    local known = counted.most
    local before = not said.isNewest and known and known['until'] > now and known.calls or math.huge
    local calls = max(1, min(limit - others - keptBack, before))
    local ms = max(said.ms, min(rule.span, leastHold))
    counted.most = calls < most and { calls = calls, ['until'] = now + ms } or nil
    if others > 0 then return ms end
    return keptBack > 0 and -ms or 0
  end

  local told = said.told
  if told and bucket.rules[1].begins then
    keepCount(bucket, told, now)
    return 0
  end
  local meant = told and meaningOf(bucket.rules, told, said.meantFor or said.ms)
  if not told then return hold(bucket, said, now) end
  if not meant and not told.unit then return hold(bucket, said, now) end
  if not meant then return told.remaining == 0 and said.ms or 0 end
  keepCount(bucket, told, now)
  local held = (meant.isLevel and lower or cap)(bucket, meant, said, now)
  return told.unit and 0 or held
end
`;
