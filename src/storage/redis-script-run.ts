/**
 * The most common request, written out: calls of one cost, from one leaky bucket without anything else. The rest of the
 * script defines its functions again with every call, which costs more than the arithmetic; this part comes first and
 * needs none of them.
 *
 * `KEYS` holds the keys of one or more buckets. `ARGV` holds `run`, the results of `runText` of `redis-message.ts` as
 * JSON, and the limits: once if all have the same, otherwise for each. It does the same as `operations.take`, to the
 * last bit, and returns one answer or a list of them. If it cannot, it leaves a single bucket to the rest of the
 * script, and returns 0 for one among several.
 */
export const runScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] * 2048 / 1000) / 2048
local mark, shortMark, shortFields = 'sluice:3', 'sluice:4', '<ddddddd'
local longAgo, furthest, jump, restBeforeForgetting = -2 ^ 40, 2 ^ 41, 250, 60000
local toNextDouble = 0.501 * 2 ^ -52

local stored, run
if ARGV[1] == 'run' then
  local runs, answers, shown = cjson.decode(ARGV[2]), {}, now
  for index = 1, #KEYS do
    local key, limits = KEYS[index], ARGV[index + 2] or ARGV[3]
    local now, answer, kept = shown, '0', limits
    stored, run = redis.pcall('GET', key), runs[index]
    local cost, left, ahead, late, _, margin, charged, early, rest, knownBirth, knownSeq, knownRests = unpack(run)
    local birth, seq, seen, rests, latest, moved, tat = now, 0, now, longAgo, longAgo, 0, longAgo
    if type(stored) == 'string' and string.sub(stored, 1, 8) == shortMark and #stored > 64 then
      birth, seq, seen, rests, latest, moved, tat = struct.unpack(shortFields, stored, 9)
      kept = string.sub(stored, 65)
    elseif stored then
      kept = nil
    end
    if kept == limits and seen - now <= jump then
      if seen > now then now = seen end
      if knownRests and knownRests > now and (not stored or birth ~= knownBirth or seq < knownSeq or rests < knownRests) then
        answer = string.format('[%.17g]', now)
      else
        local before, granted, wait, reserved, from, slots = tat, 0, 0, '0', now, late > 0 and {}
        if slots then from = math.floor((now - late) * 2048) / 2048 end
        while granted < left do
          local at = tat + early
          if at - tat < early then at = at + math.abs(at) * toNextDouble end
          if at > now then
            wait = at - now
            if wait > ahead then break end
            reserved = string.format('[%.17g,%.17g]', at, latest)
            if at > latest then latest = at end
          else
            if at <= from then at = now end
            granted = granted + 1
            if slots then slots[granted] = string.format('%.17g', at) end
          end
          if tat > at then at = tat end
          tat = at + charged
          if tat - at < charged then tat = tat + math.abs(tat) * toNextDouble end
          if wait > 0 then break end
        end
        if granted > 0 or reserved ~= '0' then
          seq, tat = seq + 1, math.min(tat, now + furthest)
          local restsAt = tat + rest
          if restsAt - tat < rest then restsAt = restsAt + math.abs(restsAt) * toNextDouble end
          rests = math.min(math.max(rests, restsAt), now + furthest)
          redis.call('SET', key, shortMark .. struct.pack(shortFields, birth, seq, now, rests, latest, moved, tat) .. limits,
            'PX', string.format('%.0f', math.ceil(math.max(0, rests - now)) + restBeforeForgetting))
        end
        answer = string.format('[%.17g,%.17g,%.0f,%.17g,%.0f,%.17g,%.17g,0,[%.17g],0,0,0,0,0,0,%.0f,%.17g,[%.17g],%s,0,0,%s]',
          now, birth, seq, rests, longAgo, latest, moved, tat, granted, wait, before, reserved,
          slots and '[' .. table.concat(slots, ',') .. ']' or '0')
      end
    end
    answers[index] = answer
  end
  if #KEYS > 1 then return '[' .. table.concat(answers, ',') .. ']' end
  if answers[1] ~= '0' then return answers[1] end
else
  stored = redis.pcall('GET', KEYS[1])
end
`;
