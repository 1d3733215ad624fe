/** `core/limits/pace.ts`, line by line in Lua. */
export const paceScript = `
local cut, growth, intervals, lowest, addedPerCall = 0.15, 4, 15, 1 / 3600000, 1 / 1000

function paceOf(rules, learned, now)
  local begins = rules[1].begins
  if learned or not begins then return learned end
  return { most = begins, span = 0, since = now, calls = 0, from = now, tat = now }
end

local function rateAt(pace, at)
  if pace.span == 0 then return pace.most end
  local x = max(0, at - pace.since) / pace.span - 1
  return pace.most * (1 + (x < 0 and cut or growth) * x * x * x)
end

local function rateOf(rules)
  local longest = 0
  for _, rule in ipairs(rules) do longest = max(longest, rule.emission) end
  return 1 / longest
end

function paceAfter(pace, rules, cost, at)
  local calls, rate = costInCalls(cost), rateAt(pace, at)
  if not rules[1].begins and rate >= rateOf(rules) then return nil end
  return { most = pace.span == 0 and pace.most + calls * addedPerCall or pace.most, span = pace.span, since = pace.since,
    calls = pace.calls + calls, from = pace.from, tat = wholeUp(max(pace.tat, at) + calls / rate, tick) }
end

local function slower(pace, rules, left, ms, now)
  local till, interval = now + ms, math.huge
  for _, rule in ipairs(rules) do interval = min(interval, rule.interval) end
  local rate = pace and rateAt(pace, now) or rateOf(rules)
  if pace and pace.span > 0 and (pace.calls <= 1 or left < pace.since + 1 / rate) then
    local since = max(pace.since, till)
    return { most = pace.most, span = pace.span, since = since, calls = 0, from = now, tat = since }
  end
  local most = pace and min(rate * 0.97, rateAt(pace, now - interval)) or rate
  local isSoon = pace and (pace.span == 0 or now - pace.since < pace.span / 4)
  if isSoon then most = min(rate * 0.9, math.sqrt(rate * (pace.calls / max(1, till - pace.from)))) end
  return { most = max(most, lowest), span = (isSoon and intervals / 2 or intervals) * min(max(interval, 1000), 60000),
    since = till, calls = 0, from = now, tat = till }
end
`;
