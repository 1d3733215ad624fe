/** `core/operations.ts`, line by line in Lua. What an operation answers is text, for JSON has no instants to the tick in Lua. */
export const operationsScript = `
local function number(value) return string.format('%.17g', value) end

local function numbers(values)
  if not values then return '0' end
  local texts = {}
  for index, value in ipairs(values) do texts[index] = number(value) end
  return '[' .. table.concat(texts, ',') .. ']'
end

local function refundsSince(bucket, receipt, index)
  return max(0, (bucket.refunds and bucket.refunds[index] or 0) - (receipt.refunds and receipt.refunds[index] or 0))
end

local function correctWindow(bucket, rule, index, slot, more)
  local window = bucket.windows[index]
  if more < 0 then settleMark(window, rule.interval, slot, more)
  elseif slot > window.free - rule.interval then insertMark(window, rule.window, rule.burst, more, slot) end
  bucket.tats[index] = window.times[#window.times] or longAgo
end

local function giveBack(bucket, receipt)
  if not sameLimits(bucket.limits, receipt.plan.limits) then return end
  local wasLatest = true
  for index, rule in ipairs(bucket.rules) do
    local calls, before = costIn(rule, receipt.cost), receipt.before and receipt.before[index]
    local since = refundsSince(bucket, receipt, index)
    if calls == 0 or not before then
      wasLatest = false
    elseif rule.window > 0 then
      if since == 0 then correctWindow(bucket, rule, index, receipt.slot, -calls) end
      wasLatest = wasLatest and bucket.tats[index] < receipt.slot
    elseif bucket.tats[index] + since == receipt.after[index] then
      bucket.tats[index] = before - since
    else
      wasLatest = false
    end
  end
  if not wasLatest or bucket.latest ~= receipt.slot then return end
  bucket.latest = receipt.latest or receipt.slot
  for _, guard in ipairs(bucket.guards or {}) do
    guard.tat = guard.tat - wholeUp(costIn(guard, receipt.cost) * guard.emission, tick)
  end
  local pool = bucket.pool
  if pool and receipt.pool == pool[2] then pool[1] = pool[1] + costInPool(receipt.cost) end
end

local function remaining(bucket, rule, index, now)
  local calls
  if rule.window > 0 then
    local window = bucket.windows[index]
    if windowAllowAt(window, rule.window, rule.burst, 1) > now then return 0 end
    calls = rule.burst - callsIn(window, rule.window, now)
  else
    calls = (now + rule.tolerance - max(now, bucket.tats[index])) / rule.emission + 1
  end
  return min(floor(rule.burst), max(0, floor(calls + 1e-9)))
end

local function poolOf(bucket, now)
  local pool = bucket.pool
  if pool and pool[2] > now then return { floor(pool[1]), pool[2] - now } end
end

local function limitsOf(bucket, now)
  local values, pool = {}, poolOf(bucket, now)
  for index, rule in ipairs(bucket.rules) do
    values[2 * index - 1] = min(remaining(bucket, rule, index, now), pool and pool[1] or math.huge)
    values[2 * index] = max(0, bucket.tats[index] + rule.window - now)
  end
  return numbers(values)
end

-- Grants calls of one cost as long as they conform: the case of most throttles, one leaky bucket, written out.
local function grantRun(bucket, cost, left, now)
  local rule, tat = bucket.rules[1], bucket.tats[1]
  if bucket.rules[2] or rule.window > 0 or bucket.guards or bucket.pool or bucket.gate > now then return 0 end
  local calls = costIn(rule, cost)
  if calls > rule.burst or calls == 0 then return 0 end
  local charged, count = charge(rule, calls), 0
  local early = charged - rule.emission - rule.tolerance
  while count < left do
    local exact = tat + early
    if exact - tat < early then exact = exact + math.abs(exact) * toNextDouble end
    if exact > now then break end
    if tat < now then tat = now end
    exact = tat + charged
    if exact - tat < charged then exact = exact + math.abs(exact) * toNextDouble end
    tat, count = exact, count + 1
  end
  bucket.tats[1] = tat
  return count
end

local operations = {}

function operations.take(bucket, request, now)
  if request.instead then
    giveBack(bucket, request.instead)
    bucket.changed = true
  end
  local before, granted, wait, reserved = numbers(bucket.tats), 0, 0, '0'
  for run = 1, #request.costs, 2 do
    local cost, left = request.costs[run], request.costs[run + 1]
    if wait == 0 then
      local count = grantRun(bucket, cost, left, now)
      granted, left = granted + count, left - count
    end
    while left > 0 and wait == 0 do
      local at = conformsAt(bucket, cost, now)
      if at <= now then
        grantAt(bucket, cost, now, now)
        granted, left = granted + 1, left - 1
      else
        wait = at - now
        if wait == math.huge then
          wait = -1
        elseif wait <= request.ahead then
          local pool = bucket.pool
          reserved = numbers({ at, bucket.latest, pool and at < pool[2] and pool[2] or nil })
          grantAt(bucket, cost, at, now)
          bucket.changed = true
        end
      end
    end
  end
  bucket.changed = bucket.changed or granted > 0
  return { number(granted), number(wait), before, reserved, request.report and limitsOf(bucket, now) or '0' }
end

function operations.giveBack(bucket, request) giveBack(bucket, request.receipt) end

local function refund(bucket, receipt, rule, index, fewer, now)
  local left = receipt.after[index] - refundsSince(bucket, receipt, index) - max(now, bucket.latest)
  local ms = min(floor(fewer * min(rule.emission, receipt.plan.rules[index].emission) * 2048) / 2048, left)
  if ms <= 0 then return end
  if not bucket.refunds then
    bucket.refunds = {}
    for place = 1, #bucket.tats do bucket.refunds[place] = 0 end
  end
  bucket.refunds[index] = bucket.refunds[index] + ms
  bucket.tats[index] = bucket.tats[index] - ms
end

local function slower(rule, other)
  return other and rule.emission < other.emission and other or rule
end

function operations.settle(bucket, request, now)
  local receipt = request.receipt
  local comesBack = sameLimits(bucket.limits, receipt.plan.limits)
  for index, rule in ipairs(bucket.rules) do
    local more = costIn(rule, request.cost) - costIn(rule, receipt.cost)
    if more > 0 then
      for _, guard in ipairs(bucket.guards or {}) do
        if guard.index == index then
          chargeGuard(guard, more, receipt.slot)
          break
        end
      end
    end
    if more ~= 0 and (more > 0 or comesBack) then
      if rule.window > 0 then
        local inside = receipt.slot > now - rule.interval
        if inside and (more > 0 or refundsSince(bucket, receipt, index) == 0) then
          correctWindow(bucket, rule, index, receipt.slot, more)
        end
      elseif more > 0 then
        local charged = slower(rule, comesBack and receipt.plan.rules[index])
        bucket.tats[index] = sum(max(bucket.tats[index], receipt.slot), charge(charged, more))
      else
        refund(bucket, receipt, rule, index, -more, now)
      end
    end
  end
end

function operations.postpone(bucket, request, now)
  local receipt = request.receipt
  if not sameLimits(bucket.limits, receipt.plan.limits) then return end
  local later = floor(min(request.ms, now - receipt.slot) * 2048) / 2048
  if later <= 0 then return end
  local slot = receipt.slot + later
  for index, rule in ipairs(bucket.rules) do
    local calls, since = costIn(rule, receipt.cost), refundsSince(bucket, receipt, index)
    if calls > 0 and rule.window == 0 then
      bucket.tats[index] = max(bucket.tats[index], receipt.after[index] + later - since)
    elseif calls > 0 and slot > now - rule.window and since == 0 then
      local window = bucket.windows[index]
      settleMark(window, rule.interval, receipt.slot, -calls)
      insertMark(window, rule.window, rule.burst, calls, slot)
      bucket.tats[index] = window.times[#window.times]
    end
  end
end

function operations.pause(bucket, request, now)
  bucket.gate = max(bucket.gate, ceil((now + request.ms) * 2048) / 2048)
end

function operations.sync(bucket, request, now)
  local pool, till = bucket.pool, ceil((now + request.ms) * 2048) / 2048
  if pool and pool[2] <= now then pool = nil end
  if request.ms > 0 and not (pool and not request.isNewest and pool[1] <= request.remaining) then
    pool = { request.remaining, till }
  end
  bucket.pool = pool
end

function operations.peek(bucket, _, now)
  local at = conformsAt(bucket, 1, now)
  return { limitsOf(bucket, now), at == math.huge and '-1' or number(at - now), number(max(0, bucket.gate - now)),
    numbers(poolOf(bucket, now)) }
end

function operations.override(bucket, request, now)
  bucket.own = request.own or nil
  adapt(bucket, request.plan, request.plan.margin, now)
end

function operations.reset(bucket, _, now)
  voidReceipts(bucket, now, #bucket.rules)
  local fresh = newBucket(bucket)
  bucket.gate, bucket.latest, bucket.guards = fresh.gate, fresh.latest, nil
  bucket.pool = nil
  bucket.tats, bucket.windows = fresh.tats, fresh.windows
end
`;
