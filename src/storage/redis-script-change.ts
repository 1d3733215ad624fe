/** `core/change.ts` and the half of `reconcile.ts` that fills one bucket from another, line by line in Lua. */
export const changeScript = `
local function chargeGuard(guard, calls, at)
  if calls > 0 then guard.tat = max(guard.tat, at) + wholeUp(calls * guard.emission, tick) end
end

function guardsAllowAt(guards, cost)
  local at = longAgo
  for _, guard in ipairs(guards) do
    local calls = costIn(guard, cost)
    if calls > 0 then at = max(at, guard.tat + wholeUp((calls - guard.burst) * guard.emission, tick)) end
  end
  return at
end

function grantInGuards(guards, cost, at, now)
  local left = {}
  for _, guard in ipairs(guards) do
    if guard.tat > now then
      chargeGuard(guard, costIn(guard, cost), at)
      left[#left + 1] = guard
    end
  end
  return #left > 0 and left or nil
end

local function voidReceipts(bucket, now, count)
  local most = -math.huge
  for index, tat in ipairs(bucket.tats) do
    most = max(most, (bucket.refunds and bucket.refunds[index] or 0) + max(0, tat - now))
  end
  bucket.refunds = {}
  for index = 1, count do bucket.refunds[index] = most + tick end
end

local function useOf(bucket, old, place, now)
  local tat = bucket.tats[place]
  local from = max(now, min(bucket.latest, tat))
  local calls
  if old.window == 0 then calls = (tat - from) / old.emission
  else calls = callsIn(bucket.windows[place], old.window, from) end
  return max(0, calls), from
end

local function placeBefore(rules, rule, index)
  if rule.name == nil then
    return rules[index] and rules[index].name == nil and index or nil
  end
  for place, old in ipairs(rules) do
    if old.name == rule.name then return place end
  end
end

local function guardOf(bucket, place, old, rule, index, calls, from)
  local emission, burst, level = min(old.emission, rule.emission), max(old.burst, rule.burst), calls
  for _, guard in ipairs(bucket.guards or {}) do
    if guard.index == place and guard.tat > from then
      level = (guard.tat - from) / guard.emission
      emission, burst = min(guard.emission, emission), max(guard.burst, burst)
      break
    end
  end
  local tat = from + wholeUp(level * emission, tick)
  return { index = index, name = rule.name, burst = burst, emission = emission, tat = tat }
end

local function scaled(window, factor, over)
  local left = { times = {}, costs = {}, free = window.free }
  for index, time in ipairs(window.times) do
    if time > over then
      left.times[#left.times + 1] = time
      left.costs[#left.costs + 1] = window.costs[index] * factor
    end
  end
  return left
end

local function filled(rule, part, from, now)
  local window = rule.window > 0 and emptyWindow()
  if part == 0 and from <= now then return longAgo, window end
  local calls = part * rule.burst
  if not window then return from + wholeUp(calls * rule.emission, tick), false end
  if part > 0 then addMark(window, rule.window, rule.burst, calls, from, now) end
  return from, window
end

local function change(bucket, next, now)
  local guards, tats, windows, leaky = {}, {}, {}, true
  for index, rule in ipairs(next.rules) do
    local from = placeBefore(bucket.rules, rule, index)
    local old = from and bucket.rules[from]
    leaky = leaky and rule.window == 0
    if not old then
      tats[index], windows[index] = longAgo, rule.window > 0 and emptyWindow()
    else
      local calls, since = useOf(bucket, old, from, now)
      local guard = guardOf(bucket, from, old, rule, index, calls, since)
      if guard.tat > now then guards[#guards + 1] = guard end
      if old.window > 0 and rule.window > 0 then
        tats[index] = bucket.tats[from]
        windows[index] = scaled(bucket.windows[from], rule.burst / old.burst, since - old.window)
      else
        tats[index], windows[index] = filled(rule, calls / old.burst, since, now)
      end
    end
  end
  voidReceipts(bucket, now, #next.rules)
  bucket.tats = tats
  bucket.windows = not leaky and windows or nil
  bucket.guards = #guards > 0 and guards or nil
end

local function adapt(bucket, plan, margin, now)
  local next = plan
  if bucket.own then
    next = { limits = bucket.own, rules = bucket.own == plan.limits and plan.rules or rulesOf(bucket.own, margin) }
  end
  if bucket.limits ~= next.limits then
    bucket.changed = true
    if not sameLimits(bucket.limits, next.limits) then
      bucket.rules = rulesOf(bucket.limits, margin)
      change(bucket, next, now)
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

local function lower(a, b, now)
  if a and a[2] <= now then a = nil end
  if b and b[2] <= now then b = nil end
  return a and b and (b[1] < a[1] and b or a) or a or b
end

local function fill(bucket, other, now)
  bucket.pool = lower(bucket.pool, other.pool, now)
  bucket.gate, bucket.latest = max(bucket.gate, other.gate), max(bucket.latest, other.latest)
  for index, rule in ipairs(bucket.rules) do
    bucket.tats[index] = max(bucket.tats[index], other.tats[index])
    if rule.window > 0 then bucket.windows[index] = joined(bucket.windows[index], other.windows[index], rule, now) end
  end
  for _, guard in ipairs(other.guards or {}) do
    local same
    for _, one in ipairs(bucket.guards or {}) do same = same or (one.index == guard.index and one) end
    bucket.guards = bucket.guards or {}
    if not same then bucket.guards[#bucket.guards + 1] = guard
    elseif guard.tat > same.tat then
      same.name, same.burst, same.emission, same.tat = guard.name, guard.burst, guard.emission, guard.tat
    end
  end
  for index, ms in ipairs(other.refunds or {}) do
    bucket.refunds = bucket.refunds or {}
    bucket.refunds[index] = max(ms, bucket.refunds[index] or 0)
  end
end
`;
