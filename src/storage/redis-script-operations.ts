/**
 * `operations.ts` and `moves.ts` of `core/bucket`, line by line in Lua. An answer is text, because JSON in Lua does not
 * keep instants to the tick.
 */
export const operationsScript = `
local mostMoves, movesMatter = 32, 5000

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

local function correctPast(bucket, index, slot, more, now)
  local past = bucket.past and bucket.past[index]
  if not past or more == 0 then return end
  if more < 0 then settleMark(past.marks, math.huge, slot, more, true) else notePast(past, bucket.rules[index], more, slot, now) end
end

local function laterAll(values, by)
  if not values then return nil end
  local moved = {}
  for index, value in ipairs(values) do moved[index] = value == longAgo and longAgo or value + by end
  return moved
end

-- Moves stand as pairs: after which instant, by how much.
local function asMoved(receipt, bucket)
  local moves, unseen = bucket.moves or {}, bucket.moved - (receipt.moved or 0)
  local first = #moves + 1
  while unseen > 0 and first > 1 do
    unseen = unseen - moves[first - 1]
    first = first - 2
  end
  if unseen ~= 0 then return unseen < 0 and receipt or nil end
  local by = 0
  for index = first, #moves, 2 do
    if receipt.slot + by > moves[index] then by = by + moves[index + 1] end
  end
  if by == 0 then return receipt end
  return { slot = receipt.slot + by, cost = receipt.cost, plan = receipt.plan, before = laterAll(receipt.before, by),
    after = laterAll(receipt.after, by), refunds = receipt.refunds, pools = receipt.pools, moved = bucket.moved,
    latest = receipt.latest and laterAll({ receipt.latest }, by)[1] }
end

local function moveSlots(bucket, after, builtOn, now, ms)
  if ms <= 0 then return end
  local function later(at) return at > after and at + ms or at end
  local function moveMarks(window)
    for index, time in ipairs(window and window.times or {}) do window.times[index] = later(time) end
  end
  for index, tat in ipairs(bucket.tats) do bucket.tats[index] = tat > builtOn and tat + ms or tat end
  for index, window in ipairs(bucket.windows or {}) do
    moveMarks(window)
    if window then bucket.tats[index] = window.times[#window.times] or longAgo end
  end
  for _, past in ipairs(bucket.past or {}) do moveMarks(past and past.marks) end
  local before, moves = bucket.latest, {}
  bucket.latest = later(bucket.latest)
  bucket.isNews = bucket.latest > before
  bucket.moved = bucket.moved + ms
  for index = 1, #(bucket.moves or {}), 2 do
    if bucket.moves[index] > now - movesMatter then
      moves[#moves + 1], moves[#moves + 2] = bucket.moves[index], bucket.moves[index + 1]
    end
  end
  moves[#moves + 1], moves[#moves + 2] = after, ms
  while #moves > 2 * mostMoves do
    table.remove(moves, 1)
    table.remove(moves, 1)
  end
  bucket.moves = moves
end

local function latenessIn(bucket, rule, index, receipt, ms, latest)
  local calls = costIn(rule, receipt.cost)
  if calls == 0 then return 0 end
  if rule.window > 0 then return latest >= receipt.slot + rule.window and ms or 0 end
  local after = receipt.after[index] - refundsSince(bucket, receipt, index)
  return max(0, ms - max(0, after - charge(rule, calls) - receipt.slot))
end

local function moveCall(bucket, receipt, to, now)
  for index, rule in ipairs(bucket.rules) do
    local calls = costIn(rule, receipt.cost)
    if calls > 0 then
      correctPast(bucket, index, receipt.slot, -calls, now)
      correctPast(bucket, index, to, calls, now)
      if rule.window > 0 and to > now - rule.window then
        settleMark(bucket.windows[index], rule.interval, receipt.slot, -calls, refundsSince(bucket, receipt, index) > 0)
        insertMark(bucket.windows[index], rule.window, rule.burst, calls, to)
      end
    end
  end
  for index, window in ipairs(bucket.windows or {}) do
    if window then bucket.tats[index] = window.times[#window.times] or longAgo end
  end
end

local function giveBack(bucket, reservation)
  local receipt = sameLimits(bucket.limits, reservation.plan.limits) and asMoved(reservation, bucket)
  if not receipt or receipt.slot > bucket.latest then return end
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
  local pace = bucket.pace
  if pace and receipt.slot >= pace.since then
    pace.tat, pace.calls = min(pace.tat, receipt.slot), max(0, pace.calls - costInCalls(receipt.cost))
  end
  for index, rule in ipairs(bucket.rules) do
    correctPast(bucket, index, receipt.slot, -costIn(rule, receipt.cost), receipt.slot)
  end
  for _, pool in ipairs(bucket.pools or {}) do
    for _, till in ipairs(receipt.pools or {}) do
      if till == pool[2] then pool[1] = pool[1] + costInCalls(receipt.cost) end
    end
  end
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
  local past = bucket.past and bucket.past[index]
  if past then calls = min(calls, pastLeaves(past, rule, now)) end
  return min(floor(rule.burst), max(0, floor(calls + 1e-9)))
end

local function poolOf(bucket, now)
  for _, pool in ipairs(bucket.pools or {}) do
    if pool[2] > now then return { floor(pool[1]), pool[2] - now } end
  end
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
local function grantRun(bucket, cost, left, from, now, slots)
  local rule, tat = bucket.rules[1], bucket.tats[1]
  if bucket.rules[2] or rule.window > 0 or rule.begins or bucket.gate > now then return 0 end
  if bucket.past or bucket.pools or bucket.pace then return 0 end
  local calls = costIn(rule, cost)
  if calls > rule.burst or calls == 0 then return 0 end
  local charged, count = charge(rule, calls), 0
  local early = charged - rule.emission - rule.tolerance
  while count < left do
    local at = sum(tat, early)
    if at > now then break end
    if at <= from then at = now end
    slots[#slots + 1] = at
    tat, count = sum(max(tat, at), charged), count + 1
  end
  bucket.tats[1] = tat
  return count
end

local operations = {}

-- The reservation as it stands by now, if a call of the cost may still go on it.
local function slotOf(bucket, receipt, cost, now)
  if not sameLimits(bucket.limits, receipt.plan.limits) or bucket.gate > now or not receipt.before then return nil end
  if cjson.encode(receipt.cost) ~= cjson.encode(cost) then return nil end
  if bucket.pace and receipt.slot < bucket.pace.since then return nil end
  for _, pool in ipairs(bucket.pools or {}) do
    local isKnown = pool[2] <= now
    for _, till in ipairs(receipt.pools or {}) do isKnown = isKnown or till == pool[2] end
    if not isKnown then return nil end
  end
  local slot = asMoved(receipt, bucket)
  return slot and slot.slot <= bucket.latest and slot or nil
end

local function missed(bucket, receipt, now)
  local late, most = {}, 0
  for index, rule in ipairs(bucket.rules) do
    late[index] = latenessIn(bucket, rule, index, receipt, now - receipt.slot, bucket.latest)
    most = max(most, late[index])
  end
  if bucket.latest > receipt.slot then
    moveSlots(bucket, receipt.slot, receipt.slot, now, most)
  else
    for index, tat in ipairs(bucket.tats) do
      if tat > receipt.slot then bucket.tats[index] = tat + late[index] end
    end
  end
  moveCall(bucket, receipt, now, now)
end

local function spacingOf(receipt)
  local spacing, length = 0, math.huge
  for index, rule in ipairs(receipt.plan.rules) do
    if costIn(rule, receipt.cost) > 0 then
      if rule.window == 0 then spacing = max(spacing, receipt.after[index] - rule.tolerance - receipt.slot)
      else length = min(length, rule.window) end
    end
  end
  return spacing > 0 and spacing or length
end

function operations.take(bucket, request, now)
  local from = floor((now - (request.late or 0)) * 2048) / 2048
  local granted, wait, reserved, slots = 0, 0, '0', {}
  local kept
  if request.instead then
    bucket.changed = true
    local slot = request.costs[1] and slotOf(bucket, request.instead, request.costs[1], now)
    if not slot or slot.slot < from and (now - slot.slot >= spacingOf(slot) or bucket.fixed > now) then
      giveBack(bucket, request.instead)
    elseif slot.slot <= now then
      kept = { slot.slot }
      if slot.slot < from then
        missed(bucket, slot, now)
        kept = { slot.slot, now - slot.slot }
      end
      granted = 1
    else
      wait, kept = slot.slot - now, { slot.slot }
    end
  end
  local before = numbers(bucket.tats)
  for run = 1, #request.costs, 2 do
    local cost, left = request.costs[run], request.costs[run + 1]
    if run == 1 then left = left - granted end
    if wait == 0 then
      local count = grantRun(bucket, cost, left, from, now, slots)
      granted, left = granted + count, left - count
    end
    while left > 0 and wait == 0 do
      local at = conformsAt(bucket, cost, from, now)
      if at <= now then
        if at <= from then at = now end
        grantAt(bucket, cost, at, now)
        slots[#slots + 1] = at
        granted, left = granted + 1, left - 1
      else
        wait = at - now
        if wait == math.huge then
          wait = -1
        elseif wait <= request.ahead then
          local values = { at, bucket.latest }
          for _, pool in ipairs(bucket.pools or {}) do
            if at < pool[2] then values[#values + 1] = pool[2] end
          end
          reserved = numbers(values)
          grantAt(bucket, cost, at, now)
          if request.fixed then bucket.fixed = max(bucket.fixed, at) end
          bucket.changed = true
        end
      end
    end
  end
  bucket.changed = bucket.changed or granted > 0
  local hasChanged = granted > 0 or reserved ~= '0' or request.instead
  if hasChanged and bucket.moves and bucket.moves[#bucket.moves - 1] <= now - movesMatter then bucket.moves = nil end
  return { number(granted), number(wait), before, reserved, request.report and limitsOf(bucket, now) or '0', numbers(kept),
    from < now and numbers(slots) or '0' }
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

local function longerOf(rule, other)
  return other and rule.emission < other.emission and other or rule
end

function operations.settle(bucket, request, now)
  local receipt = request.receipt
  local comesBack = sameLimits(bucket.limits, receipt.plan.limits)
  for index, rule in ipairs(bucket.rules) do
    local more = costIn(rule, request.cost) - costIn(rule, receipt.cost)
    if more ~= 0 and (more > 0 or comesBack) then
      correctPast(bucket, index, receipt.slot, more, now)
      if rule.window > 0 then
        local inside = receipt.slot > now - rule.interval
        if inside and (more > 0 or refundsSince(bucket, receipt, index) == 0) then
          correctWindow(bucket, rule, index, receipt.slot, more)
        end
      elseif more > 0 then
        local charged = longerOf(rule, comesBack and receipt.plan.rules[index])
        bucket.tats[index] = sum(max(bucket.tats[index], receipt.slot), charge(charged, more))
      else
        refund(bucket, receipt, rule, index, -more, now)
      end
    end
  end
end

function operations.postpone(bucket, request, now)
  local receipt = request.receipt
  local later = floor(request.ms * 2048) / 2048
  if later <= 0 or not sameLimits(bucket.limits, receipt.plan.limits) then return end
  local most, isVoid = 0, false
  for index, rule in ipairs(bucket.rules) do
    isVoid = isVoid or rule.window > 0 and refundsSince(bucket, receipt, index) > 0
  end
  for index, rule in ipairs(bucket.rules) do most = max(most, latenessIn(bucket, rule, index, receipt, later, bucket.latest)) end
  if bucket.fixed <= now then moveSlots(bucket, now, receipt.slot, now, most - (bucket.moved - (receipt.moved or 0))) end
  if not isVoid then moveCall(bucket, receipt, receipt.slot + later, now) end
  for index, rule in ipairs(bucket.rules) do
    if rule.window == 0 and costIn(rule, receipt.cost) > 0 then
      local tat = receipt.after[index] + latenessIn(bucket, rule, index, receipt, later, math.huge) - refundsSince(bucket, receipt, index)
      bucket.tats[index] = max(bucket.tats[index], tat)
    end
  end
end

function operations.pause(bucket, request, now)
  if request.sentAgo then
    bucket.pace = slower(paceOf(bucket.rules, bucket.pace, now), bucket.rules, now - request.sentAgo, request.ms, now)
  end
  bucket.gate = max(bucket.gate, ceil((now + request.ms) * 2048) / 2048)
end

function operations.sync(bucket, request, now)
  local held = hear(bucket, request, now)
  bucket.changed, bucket.isNews = true, held ~= 0
  return { number(held) }
end

function operations.peek(bucket, request, now)
  if request.without then giveBack(bucket, request.without) end
  local at = conformsAt(bucket, 1, now)
  return { limitsOf(bucket, now), at == math.huge and '-1' or number(at - now), number(max(0, bucket.gate - now)),
    numbers(poolOf(bucket, now)), bucket.pace and number(rateAt(bucket.pace, now)) or '0' }
end

function operations.override(bucket, request, now)
  bucket.own = request.own or nil
  adapt(bucket, request.plan, request.plan.margin, now)
end

function operations.reset(bucket, _, now)
  voidReceipts(bucket, now, #bucket.rules)
  local fresh = newBucket(bucket)
  bucket.gate, bucket.latest, bucket.fixed, bucket.moved = fresh.gate, fresh.latest, fresh.fixed, fresh.moved
  bucket.moves = nil
  bucket.past, bucket.pools, bucket.pace = nil, nil, nil
  bucket.tats, bucket.windows = fresh.tats, fresh.windows
end
`;
