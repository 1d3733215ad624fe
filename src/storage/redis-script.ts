import { bucketScript } from './redis-script-bucket.ts';
import { changeScript } from './redis-script-change.ts';
import { explainedScript } from './redis-script-explained.ts';
import { operationsScript } from './redis-script-operations.ts';
import { paceScript } from './redis-script-pace.ts';
import { runScript } from './redis-script-run.ts';

/**
 * The record of a bucket and the steps of one operation, in Lua. `KEYS[1]` is the bucket's key; `ARGV` holds the
 * operation, its request as JSON and, if others have to be notified, their channel and the message.
 *
 * A record begins with a mark, which distinguishes it from foreign values. The rest is packed: in a short form for one
 * leaky bucket without anything else. The script returns JSON, which `redis-message.ts` reads.
 */
const recordScript = `

local function bucketOf(record)
  local _, birth, seq, seen, rests, gate, latest, fixed, moved, limits, own, tats, windows, past, refunds, pools, moves, pace =
    unpack(record, 1, 18)
  return { birth = birth, seq = seq, seen = seen, rests = rests, gate = gate, latest = latest, fixed = fixed, moved = moved,
    limits = limits, own = own or nil, tats = tats, windows = windows or nil, past = past or nil, refunds = refunds or nil,
    pools = pools or nil, moves = moves or nil, pace = pace or nil }
end

local function read()
  if not stored then return nil end
  if type(stored) == 'table' then
    if string.find(stored.err, 'WRONGTYPE', 1, true) then return nil, nil, true end
    return nil, stored
  end
  if string.sub(stored, 1, #shortMark) == shortMark and #stored > 64 then
    local birth, seq, seen, rests, latest, moved, tat = struct.unpack(shortFields, stored, 9)
    local done, limits = pcall(cjson.decode, string.sub(stored, 65))
    if not done or type(limits) ~= 'table' then return nil, nil, true end
    return { birth = birth, seq = seq, seen = seen, rests = rests, gate = longAgo, latest = latest,
      fixed = longAgo, moved = moved, limits = string.sub(stored, 65), tats = { tat } }
  end
  if string.sub(stored, 1, #mark) ~= mark then return nil, nil, true end
  local done, record = pcall(cmsgpack.unpack, string.sub(stored, #mark + 1))
  if not done or type(record) ~= 'table' or #record < 17 or #record > 18 then return nil, nil, true end
  return bucketOf(record)
end

local function write(bucket, now)
  bucket.seq = bucket.seq + max(1, bucket.calls or 0)
  bucket.gate = min(bucket.gate, now + furthest)
  for index, tat in ipairs(bucket.tats) do bucket.tats[index] = min(tat, now + furthest) end
  for _, pool in ipairs(bucket.pools or {}) do pool[1], pool[2] = min(pool[1], now + furthest), min(pool[2], now + furthest) end
  local pace = bucket.pace
  if pace then
    pace.since, pace.from, pace.tat = min(pace.since, now + furthest), min(pace.from, now + furthest), min(pace.tat, now + furthest)
  end
  bucket.fixed = bucket.fixed > now and min(bucket.fixed, now + furthest) or longAgo
  bucket.rests = min(max(bucket.rests, restsAt(bucket)), now + furthest)
  local isShort = #bucket.tats == 1 and bucket.gate <= now and bucket.fixed == longAgo
    and not (bucket.own or bucket.windows or bucket.past or bucket.refunds or bucket.pools or bucket.moves or pace)
  local value = isShort and shortMark .. struct.pack(shortFields, bucket.birth, bucket.seq, now, bucket.rests, bucket.latest,
    bucket.moved, bucket.tats[1]) .. bucket.limits or mark .. cmsgpack.pack({ 1, bucket.birth, bucket.seq, now, bucket.rests,
    bucket.gate, bucket.latest, bucket.fixed, bucket.moved, bucket.limits, bucket.own or false, bucket.tats,
    bucket.windows or false, bucket.past or false, bucket.refunds or false, bucket.pools or false,
    bucket.moves or false, pace })
  if bucket.own then return redis.call('SET', KEYS[1], value) end
  local kept = ceil(max(0, bucket.rests - now)) + restBeforeForgetting
  return redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', kept))
end

local function move(bucket, ms)
  local function later(instant) return instant == longAgo and longAgo or instant + ms end
  -- When it rests stays: a record in which that has come nearer is an old one.
  local function moveMarks(window)
    if not window then return end
    window.free = later(window.free)
    for index, time in ipairs(window.times) do window.times[index] = later(time) end
  end
  bucket.gate, bucket.latest, bucket.fixed = later(bucket.gate), later(bucket.latest), later(bucket.fixed)
  for index, tat in ipairs(bucket.tats) do bucket.tats[index] = later(tat) end
  for _, past in ipairs(bucket.past or {}) do
    if past then
      moveMarks(past.marks)
      past['until'] = later(past['until'])
      if past.most then past.most['until'] = later(past.most['until']) end
    end
  end
  for _, pool in ipairs(bucket.pools or {}) do pool[2] = later(pool[2]) end
  local pace = bucket.pace
  if pace then pace.since, pace.from, pace.tat = later(pace.since), later(pace.from), later(pace.tat) end
  for index = 1, #(bucket.moves or {}), 2 do bucket.moves[index] = later(bucket.moves[index]) end
  for _, window in ipairs(bucket.windows or {}) do moveMarks(window) end
end

local operation, request = ARGV[1], not run and cjson.decode(ARGV[2])
if run then
  local cost, left, ahead, late, age, margin, _, _, _, birth, seq, rests = unpack(run)
  operation, request = 'take', { plan = { limits = ARGV[3], margin = margin }, costs = { cost, left }, ahead = ahead,
    late = late, age = age >= 0 and age or nil, known = birth and { birth, seq, rests } }
end
local bucket, failure, foreign = read()
if failure then return failure end
if bucket and bucket.seen > now then
  -- What two servers disagree about by so much is not worth moving; a clock that was set back is.
  if bucket.seen - now <= jump then
    now = bucket.seen
  else
    voidReceipts(bucket, now, #bucket.tats)
    move(bucket, now - bucket.seen)
    bucket.changed = true
  end
end

local known = request.known
local isLost = known and known[3] > now
  and (not bucket or bucket.birth ~= known[1] or bucket.seq < known[2] or bucket.rests < known[3])
if isLost and not request.lost then return '[' .. number(now) .. ']' end

local other = isLost and bucketOf(request.lost)
if other and not bucket then
  bucket, other = other, nil
  bucket.changed = true
elseif other then
  if bucket.birth == other.birth then bucket.own = other.own else bucket.own = bucket.own or other.own end
  other.own = bucket.own
end
if isLost then bucket.birth = now end

local receipt = request.receipt
local asked = request.plan or receipt and receipt.plan
if asked then asked.rules = rulesOf(asked.limits, asked.margin) end
for _, other in ipairs({ request.instead or false, request.without or false }) do
  if other then other.plan.rules = rulesOf(other.plan.limits, other.plan.margin) end
end
if not bucket then
  if request.plan then bucket = newBucket(asked)
  elseif receipt and operation == 'settle' then
    bucket = newBucket(receipt.plan)
    bucket.tats = { unpack(receipt.after) }
  else
    return ''
  end
  bucket.birth = now
else
  local margin = asked and asked.margin or 0
  local since = request.age and max(bucket.seen or now, floor((now - request.age) * 2048) / 2048)
  if request.plan or asked and asked.limits == bucket.limits then adapt(bucket, asked, margin, now, since)
  else adapt(bucket, { limits = bucket.limits, rules = rulesOf(bucket.limits, margin) }, margin, now) end
  if other then
    adapt(other, bucket, margin, now)
    fill(bucket, other, now)
    bucket.changed = true
  end
end

local function flat(pools)
  if not pools then return nil end
  local values = {}
  for _, pool in ipairs(pools) do values[#values + 1], values[#values + 2] = pool[1], pool[2] end
  return values
end

local function partsOf(pace)
  return pace and { pace.most, pace.span, pace.since, pace.calls, pace.from, pace.tat }
end

local answer = operations[operation](bucket, request, now)
if answer == nil or (bucket.changed and operation ~= 'peek') then write(bucket, now) end
if ARGV[4] and (not request.quiet or bucket.isNews) then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
local theirs = not (asked and asked.limits == bucket.limits) and cjson.encode(bucket.limits) or '0'
return '[' .. table.concat({ number(now), number(bucket.birth), number(bucket.seq), number(bucket.rests),
  number(bucket.gate), number(bucket.latest), number(bucket.moved), numbers(bucket.moves), numbers(bucket.tats), numbers(bucket.refunds),
  numbers(flat(bucket.pools)), numbers(partsOf(bucket.pace)), theirs,
  bucket.own and '1' or '0', foreign and '1' or '0', unpack(answer or {}) }, ',') .. ']'
`;

/** The whole arithmetic and the record, as one script. */
export const redisScript: string =
  runScript + bucketScript + changeScript + paceScript + explainedScript + operationsScript + recordScript;

/** The SHA-1 of the script, its name on a server. */
export const redisScriptHash = '20c79572b1ecf8837fae4c1c896571828a0226bf';
