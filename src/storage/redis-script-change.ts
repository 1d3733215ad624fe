/** `core/bucket/change.ts` and the half of `reconcile.ts` that fills one bucket from another, line by line in Lua. */
export const changeScript = `
local mostLimits, mostPools = 8, 8

local function longestOf(limits)
  local longest = 0
  for _, limit in ipairs(limits) do longest = max(longest, limit.span) end
  return longest
end

local function shortestOf(limits)
  local shortest = math.huge
  for _, limit in ipairs(limits) do shortest = min(shortest, limit.span) end
  return shortest
end

local function isSame(one, other)
  return one.burst == other.burst and one.even == other.even and one.interval == other.interval
end

local function mostIn(limit, length)
  if limit.even == 0 then return limit.burst * ceil(length / limit.interval) end
  return limit.burst - 1 + ceil(length / limit.even)
end

local function mostOf(limits, length)
  local most = 0
  for _, limit in ipairs(limits) do most = max(most, mostIn(limit, length)) end
  return most
end

local function pastLeaves(past, rule, now)
  local left = math.huge
  if past.most and past.most['until'] > now then left = past.most.calls - callsIn(past.marks, rule.span, now) end
  for _, limit in ipairs(past.limits) do
    local most = mostOf(past.limits, limit.interval)
    local allowAt = windowAllowAt(past.marks, limit.span, most, 1)
    left = min(left, allowAt > now and 0 or most - callsIn(past.marks, limit.span, now))
  end
  return left
end

function pastAllowsAt(past, rules, cost, at)
  for index, one in ipairs(past) do
    local calls = costIn(rules[index], cost)
    if one and calls > 0 then
      local most = one.most
      if most and most['until'] > at and calls > most.calls then
        at = most['until']
      elseif most and most['until'] > at then
        at = max(at, min(windowAllowAt(one.marks, rules[index].span, most.calls, calls), most['until']))
      end
      for _, limit in ipairs(one.limits) do
        at = max(at, windowAllowAt(one.marks, limit.span, mostOf(one.limits, limit.interval), calls))
      end
    end
  end
  return at
end

local function mergeClosest(times, costs, shortest, now)
  local closest, least = 1, math.huge
  for index = 1, #times - 1 do
    local distance = (times[index + 1] - times[index]) / max(shortest, now - times[index + 1])
    if distance < least then closest, least = index, distance end
  end
  costs[closest + 1] = costs[closest + 1] + costs[closest]
  table.remove(times, closest)
  table.remove(costs, closest)
end

local function insertPast(marks, calls, at)
  local times, costs = marks.times, marks.costs
  local index = #times + 1
  while index > 1 and times[index - 1] >= at do index = index - 1 end
  if times[index] == at then
    costs[index] = costs[index] + calls
    return
  end
  table.insert(times, index, at)
  table.insert(costs, index, calls)
end

local function notePast(past, rule, calls, at, now)
  local times, costs = past.marks.times, past.marks.costs
  local ending = now - (#past.limits > 0 and longestOf(past.limits) or max(2 * rule.span, past['until'] - now + rule.span))
  while times[1] and times[1] <= ending do
    table.remove(times, 1)
    table.remove(costs, 1)
  end
  insertPast(past.marks, calls, at)
  if #times > mostMarks then mergeClosest(times, costs, min(rule.span, shortestOf(past.limits)), now) end
end

function grantInPast(past, rules, cost, at, now)
  local left, matters = {}, false
  for index, one in ipairs(past) do
    left[index] = one and one['until'] > now and one
    matters = matters or left[index]
  end
  if not matters then return nil end
  for index, one in ipairs(left) do
    local calls = costIn(rules[index], cost)
    if one and calls > 0 then notePast(one, rules[index], calls, at, now) end
  end
  return left
end

local function voidReceipts(bucket, now, count)
  local most = -math.huge
  for index, tat in ipairs(bucket.tats) do
    most = max(most, (bucket.refunds and bucket.refunds[index] or 0) + max(0, tat - now))
  end
  bucket.refunds = {}
  for index = 1, count do bucket.refunds[index] = most + tick end
end

local function placeIn(others, name)
  for place, other in ipairs(name and others or {}) do
    if other.name == name then return place end
  end
end

local function placesBefore(rules, next)
  local left, used, places = {}, 0, {}
  for place, rule in ipairs(rules) do
    if not placeIn(next, rule.name) then left[#left + 1] = place end
  end
  for index, rule in ipairs(next) do
    places[index] = placeIn(rules, rule.name)
    if not places[index] then
      used = min(used + 1, #left)
      places[index] = left[used] or false
    end
  end
  return places
end

local function younger(window, ending)
  local left = { times = {}, costs = {}, free = window.free }
  for index, time in ipairs(window.times) do
    if time > ending then
      left.times[#left.times + 1], left.costs[#left.costs + 1] = time, window.costs[index]
    end
  end
  return left
end

local function withLimit(limits, rule)
  local left = {}
  for _, one in ipairs(limits) do
    if not isSame(one, rule) then left[#left + 1] = one end
  end
  local shortest = 1
  for index, one in ipairs(left) do
    if one.interval < left[shortest].interval then shortest = index end
  end
  if #left > mostLimits then table.remove(left, shortest) end
  left[#left + 1] = { burst = rule.burst, even = rule.even, interval = rule.interval, span = rule.span }
  return left
end

local function marksOf(bucket, old, place, now)
  if old.window > 0 then return younger(bucket.windows[place], now - old.span) end
  local marks, tat = emptyWindow(), bucket.tats[place]
  if old.begins then
    if tat > now - old.span then insertPast(marks, 1, tat) end
    return marks
  end
  local latest = max(now, bucket.latest)
  local all = ceil((tat - now + old.span) / old.even) - 1
  local atLatest = max(0, floor((tat - latest) / old.even))
  local size = ceil((all - atLatest) / (mostMarks - 1))
  local before = atLatest
  while before < all do
    insertPast(marks, min(size, all - before), wholeUp(tat - (before + 1) * old.even, tick))
    before = before + size
  end
  if atLatest > 0 then insertPast(marks, atLatest, latest) end
  return marks
end

local function levelled(bucket, old, place, rule, now)
  local tat = bucket.tats[place]
  local from = max(now, min(bucket.latest, tat))
  local level = (tat - from) / old.emission
  if level <= 0 then return from > now and from or longAgo end
  local debt = max(0, level - old.burst)
  return from + wholeUp((min(level - debt, rule.burst) + debt) * rule.emission, tick)
end

local function replayed(marks, rule, now)
  local tat = longAgo
  for index, at in ipairs(marks.times) do tat = max(tat, at) + wholeUp(marks.costs[index] * rule.emission, tick) end
  return min(tat, max(now, marks.times[#marks.times]) + wholeUp(rule.burst * rule.emission, tick))
end

local function shareOf(bucket, rule, place, now)
  local old = place and bucket.rules[place]
  local known = old and bucket.past and bucket.past[place]
  if old and isSame(old, rule) then
    local past = known and { marks = younger(known.marks, -math.huge), limits = known.limits, most = known.most }
    if past then past['until'] = known['until'] end
    return bucket.tats[place], rule.window > 0 and younger(bucket.windows[place], -math.huge), past or false
  end
  local marks
  if known then marks = younger(known.marks, now - max(old.span, longestOf(known.limits)))
  elseif old then marks = marksOf(bucket, old, place, now) end
  if not marks or #marks.times == 0 then return longAgo, rule.window > 0 and emptyWindow(), false end
  local limits = withLimit(withLimit(known and known.limits or {}, old), rule)
  local past = { marks = marks, limits = limits }
  local last = marks.times[#marks.times]
  past['until'] = max(now, last) + longestOf(limits)
  if rule.window > 0 then
    local window = younger(marks, now - rule.window)
    return window.times[#window.times] or longAgo, window, past
  end
  local tat = old.window == 0 and levelled(bucket, old, place, rule, now) or replayed(marks, rule, now)
  return tat, false, past
end

local function change(bucket, next, now)
  local tats, windows, past, leaky, matters = {}, {}, {}, true, false
  local places = placesBefore(bucket.rules, next.rules)
  for index, rule in ipairs(next.rules) do
    tats[index], windows[index], past[index] = shareOf(bucket, rule, places[index], now)
    leaky, matters = leaky and rule.window == 0, matters or past[index]
  end
  voidReceipts(bucket, now, #next.rules)
  if not next.rules[1].begins and bucket.pace and bucket.pace.span == 0 then bucket.pace = nil end
  bucket.tats = tats
  bucket.windows = not leaky and windows or nil
  bucket.past = matters and past or nil
end

local function adapt(bucket, plan, margin, now, since)
  local next = plan
  if bucket.own then
    next = { limits = bucket.own, rules = bucket.own == plan.limits and plan.rules or rulesOf(bucket.own, margin) }
  end
  if bucket.limits ~= next.limits then
    bucket.changed = true
    if not sameLimits(bucket.limits, next.limits) then
      bucket.rules = rulesOf(bucket.limits, margin)
      change(bucket, next, min(since or now, now))
    end
  end
  bucket.limits, bucket.rules = next.limits, next.rules
end

local function joined(a, b, rule, now)
  local costs, times = {}, {}
  for _, window in ipairs({ a, b }) do
    for index, at in ipairs(window.times) do
      if not costs[at] then times[#times + 1] = at end
      costs[at] = max(costs[at] or 0, window.costs[index])
    end
  end
  table.sort(times)
  local window = { times = {}, costs = {}, free = max(a.free, b.free) }
  for _, at in ipairs(times) do addMark(window, rule.window, rule.burst, costs[at], at, now) end
  return window
end

local function joinedPools(pools)
  table.sort(pools, function(a, b) return a[2] < b[2] or a[2] == b[2] and a[1] > b[1] end)
  local telling = {}
  for index = #pools, 1, -1 do
    local pool, next = pools[index], telling[1]
    if not next or pool[1] < next[1] then table.insert(telling, 1, pool) end
  end
  while #telling > mostPools do
    local first = table.remove(telling, 1)
    telling[1] = { first[1], telling[1][2] }
  end
  return #telling > 0 and telling or nil
end

local function fill(bucket, other, now)
  local pools = {}
  for _, some in ipairs({ bucket.pools or {}, other.pools or {} }) do
    for _, pool in ipairs(some) do
      if pool[2] > now then pools[#pools + 1] = pool end
    end
  end
  bucket.pools = joinedPools(pools)
  bucket.gate, bucket.latest = max(bucket.gate, other.gate), max(bucket.latest, other.latest)
  bucket.fixed, bucket.moved = max(bucket.fixed, other.fixed), max(bucket.moved, other.moved)
  if other.pace and not (bucket.pace and bucket.pace.since >= other.pace.since) then bucket.pace = other.pace end
  for index, rule in ipairs(bucket.rules) do
    bucket.tats[index] = max(bucket.tats[index], other.tats[index])
    if rule.window > 0 then bucket.windows[index] = joined(bucket.windows[index], other.windows[index], rule, now) end
  end
  for index, past in ipairs(other.past or {}) do
    bucket.past = bucket.past or other.past
    local ours = bucket.past[index]
    if past and (not ours or past['until'] > ours['until']) then bucket.past[index] = past end
  end
  for index, ms in ipairs(other.refunds or {}) do
    bucket.refunds = bucket.refunds or {}
    bucket.refunds[index] = max(ms, bucket.refunds[index] or 0)
  end
end
`;
