/** The files of `core/limits`, and `bucket.ts` and `pool.ts` of `core/bucket`, line by line in Lua. */
export const bucketScript = `
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local tick, mostMarks = 2 ^ -11, 32
local callsMargin, mostStretched = 20, 0.1
local learnedSpan = 60000

local function wholeUp(ms, step) return ceil(ms / step) * step end

local function steps(ms)
  local _, exponent = math.frexp(ms)
  local step = min(tick, 2 ^ (exponent - 11))
  return wholeUp(ms, step), step
end

local function burstOf(limit) return limit.burst or (limit.kind == 'sliding-window' and limit.rate or 1) end

local function toleranceOf(limit, even, step) return floor(((burstOf(limit) - 1) * even) / step) * step end

local function marginOf(limit, margin)
  if type(limit.margin) == 'number' then margin = limit.margin end
  if type(margin) == 'number' then return wholeUp(margin, tick) end
  if (limit.kind or 'leaky-bucket') ~= 'leaky-bucket' then return callsMargin end
  local even, step = steps(limit.interval / limit.rate)
  local stretched = steps(even * mostStretched)
  return min(callsMargin, toleranceOf(limit, even, step) + stretched)
end

local function ruleOf(limit, margin)
  local rule = { limit = limit, name = limit.name, burst = burstOf(limit), interval = limit.interval, window = 0, tolerance = 0,
    even = 0 }
  if limit.kind == 'learned' then
    rule.begins = limit.rate / limit.interval
    rule.even, rule.emission, rule.span = tick, tick, learnedSpan
    return rule
  end
  local kept = marginOf(limit, margin)
  rule.span = wholeUp(limit.interval, tick)
  if limit.kind == 'sliding-window' then
    rule.window = rule.span + kept
    rule.emission, rule.span = rule.window / limit.rate, rule.window
    return rule
  end
  local even, step = steps(limit.interval / limit.rate)
  local full, isQuota = toleranceOf(limit, even, step), limit.kind == 'quota'
  rule.even, rule.emission = even, isQuota and steps((limit.interval + kept) / limit.rate) or even + max(0, kept - full)
  rule.tolerance = isQuota and full or max(0, full - kept)
  rule.span = max(rule.span + kept, rule.emission)
  return rule
end

local function rulesOf(limits, margin)
  local rules = {}
  for index, limit in ipairs(cjson.decode(limits)) do rules[index] = ruleOf(limit, margin) end
  return rules
end

local function sameLimits(a, b)
  if a == b then return true end
  local these, those = cjson.decode(a), cjson.decode(b)
  if #these ~= #those then return false end
  for index, one in ipairs(these) do
    local other = those[index]
    if (one.kind or 'leaky-bucket') ~= (other.kind or 'leaky-bucket') or one.rate ~= other.rate
      or one.interval ~= other.interval or burstOf(one) ~= burstOf(other) or one.name ~= other.name then return false end
  end
  return true
end

local function costIn(rule, cost)
  if type(cost) == 'number' then return cost end
  return rule.name and cost[rule.name] or 1
end

local function emptyWindow() return { times = {}, costs = {}, free = longAgo } end

local function windowAllowAt(window, length, limit, cost)
  local times, costs = window.times, window.costs
  local room = limit - cost
  for index = #times, 1, -1 do
    room = room - costs[index]
    if room < 0 then return max(times[index] + length, times[#times], window.free) end
  end
  return max(times[#times] or -math.huge, window.free)
end

local function drop(window, count, length)
  if count == 0 then return end
  window.free = max(window.free, window.times[count] + length)
  local times, costs = {}, {}
  for index = count + 1, #window.times do
    times[index - count], costs[index - count] = window.times[index], window.costs[index]
  end
  window.times, window.costs = times, costs
end

local function cell(at, length) return floor((at * (mostMarks - 1)) / length) end

local function compact(window, length)
  local latest, over = window.times[#window.times], 0
  while window.times[over + 1] <= latest - length do over = over + 1 end
  drop(window, over, length)
  if #window.times <= mostMarks then return end
  local times, costs = {}, {}
  for index, at in ipairs(window.times) do
    local last = #times
    if last > 0 and cell(times[last], length) == cell(at, length) then
      times[last], costs[last] = at, costs[last] + window.costs[index]
    else
      times[last + 1], costs[last + 1] = at, window.costs[index]
    end
  end
  window.times, window.costs = times, costs
end

local function addMark(window, length, limit, cost, at, now)
  local over = 0
  while over < #window.times and window.times[over + 1] <= now - length do over = over + 1 end
  drop(window, over, length)
  local times, costs = window.times, window.costs
  local last = #times
  if last > 0 and (times[last] == at
    or (limit > mostMarks and at <= now and cell(times[last], length) == cell(at, length))) then
    times[last], costs[last] = at, costs[last] + cost
    return
  end
  times[last + 1], costs[last + 1] = at, cost
  if #times > mostMarks then compact(window, length) end
end

local function settleMark(window, interval, at, more, isExact)
  if at <= window.free - interval then return end
  for index, time in ipairs(window.times) do
    if time >= at then
      if isExact and time ~= at then return end
      local cost = window.costs[index] + more
      if cost > 0 then
        window.costs[index] = cost
      else
        table.remove(window.times, index)
        table.remove(window.costs, index)
      end
      return
    end
  end
end

local function callsIn(window, length, now)
  local calls = 0
  for index, cost in ipairs(window.costs) do
    if window.times[index] > now - length then calls = calls + cost end
  end
  return calls
end

local function insertMark(window, length, limit, cost, to)
  local times, costs = window.times, window.costs
  local function merges(time)
    return time and (time == to or (limit > mostMarks and cell(time, length) == cell(to, length)))
  end
  local index = 1
  while times[index] and times[index] < to do index = index + 1 end
  if merges(times[index]) then
    costs[index] = costs[index] + cost
  elseif merges(times[index - 1]) then
    times[index - 1], costs[index - 1] = to, costs[index - 1] + cost
  else
    table.insert(times, index, to)
    table.insert(costs, index, cost)
    if #times > mostMarks then compact(window, length) end
  end
end

local function charge(rule, calls)
  if calls == 1 then return rule.emission end
  if calls == floor(calls) then return calls * rule.emission end
  return min(ceil(calls * rule.emission * 2048) / 2048, ceil(calls) * rule.emission)
end

local function sum(instant, ms)
  local exact = instant + ms
  if exact - instant < ms then return exact + math.abs(exact) * toNextDouble end
  return exact
end

local function newBucket(plan)
  local bucket = { gate = longAgo, latest = longAgo, fixed = longAgo, moved = 0, seq = 0, rests = longAgo, tats = {} }
  bucket.limits, bucket.rules = plan.limits, plan.rules
  for index, rule in ipairs(plan.rules) do
    bucket.tats[index] = longAgo
    if rule.window > 0 then bucket.windows = bucket.windows or {} end
  end
  for index, rule in ipairs(bucket.windows and plan.rules or {}) do
    bucket.windows[index] = rule.window > 0 and emptyWindow()
  end
  return bucket
end

local function costInCalls(cost) return type(cost) == 'number' and cost or 1 end

local function poolsAllowAt(pools, cost, at)
  for _, pool in ipairs(pools) do
    if at < pool[2] and costInCalls(cost) > pool[1] then at = pool[2] end
  end
  return at
end

local function grantInPools(pools, cost, at, now)
  local left = {}
  for _, pool in ipairs(pools) do
    if now < pool[2] then
      left[#left + 1] = { at < pool[2] and max(0, pool[1] - costInCalls(cost)) or pool[1], pool[2] }
    end
  end
  return #left > 0 and left or nil
end

local pastAllowsAt, grantInPast, paceOf, paceAfter

local function conformsAt(bucket, cost, from, now)
  local at = bucket.gate > (now or from) and bucket.gate or from
  for index, rule in ipairs(bucket.rules) do
    local calls = costIn(rule, cost)
    if calls > rule.burst then return math.huge end
    if calls > 0 then
      local allowAt
      if rule.window == 0 then
        allowAt = sum(bucket.tats[index], charge(rule, calls) - rule.emission - rule.tolerance)
      else
        allowAt = windowAllowAt(bucket.windows[index], rule.window, rule.burst, calls)
      end
      if allowAt > at then at = allowAt end
    end
  end
  if bucket.pace and bucket.pace.tat > at then at = bucket.pace.tat end
  if bucket.past then at = pastAllowsAt(bucket.past, bucket.rules, cost, at) end
  return bucket.pools and poolsAllowAt(bucket.pools, cost, at) or at
end

local function grantAt(bucket, cost, at, now)
  for index, rule in ipairs(bucket.rules) do
    local calls = costIn(rule, cost)
    if calls > 0 then
      if rule.window == 0 then
        bucket.tats[index] = sum(max(bucket.tats[index], at), charge(rule, calls))
      else
        addMark(bucket.windows[index], rule.window, rule.burst, calls, at, now)
        bucket.tats[index], bucket.calls = at, (bucket.calls or 0) + ceil(calls)
      end
    end
  end
  if at > now and at > bucket.latest then bucket.latest = at end
  local pace = paceOf(bucket.rules, bucket.pace, at)
  bucket.pace = pace and paceAfter(pace, bucket.rules, cost, at)
  if bucket.past then bucket.past = grantInPast(bucket.past, bucket.rules, cost, at, now) end
  if bucket.pools then bucket.pools = grantInPools(bucket.pools, cost, at, now) end
end

local function restsAt(bucket)
  local at = max(bucket.gate, bucket.pools and bucket.pools[#bucket.pools][2] or longAgo)
  if bucket.pace then at = max(at, bucket.pace.tat + bucket.pace.span) end
  for index, rule in ipairs(bucket.rules) do
    local rest = rule.window == 0 and (rule.burst - 1) * rule.emission - rule.tolerance or rule.window
    at = max(at, sum(bucket.tats[index], rest), rule.window > 0 and bucket.windows[index].free or longAgo)
    at = max(at, bucket.past and bucket.past[index] and bucket.past[index]['until'] or longAgo)
  end
  return at
end
`;
