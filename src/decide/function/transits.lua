-- Transactions across shards: see docs/decisions/0029-across-shards.md. What is decided at home is in `decide` like all
-- commands of clients; what is asked for it besides, here and on other shards, is in `transits`. Each of these returns the
-- text of the event, or else nil and the answer.

local transits = {}

--- Notes what is to be written for what begins, and what is over.
local function begin_transit(batch, set, member, now)
  local opened = batch.opened
  opened[#opened + 1] = { set = set, member = member, score = text_of[now] }
end

local function end_transit(batch, set, member, key)
  local over = batch.over
  over[#over + 1] = { set = set, member = member, key = key }
end

--- At home: from now on the attempt cannot be decided any more.
local function abandon(batch, attempt)
  if batch.transits[attempt] then return end
  batch.transits[attempt] = '-'
  batch.ended['transit:' .. attempt] = '-'
  batch.is_marked = true
end

--- The accounts of this shard, and those of others as their shards told them; with what these refuse, for the rules.
local function rows_at_home(batch, postings, conditions, told)
  local accounts, away = {}, { accounts = {}, refusal = told.refusal, refusedAt = told.posting or 0 }
  for index, account in ipairs(told.accounts) do
    local row = account.state ~= 'unknown' and world()
    if row then
      row.state, row.unit = account.state, account.unit
      away.accounts[#away.accounts + 1] = row
    end
    accounts[account.id] = row
  end
  setmetatable(accounts, { __index = batch.accounts })
  local rows = transaction_of(accounts, postings, conditions)
  for index, condition in ipairs(rows.conditions) do
    -- Its shard has looked whether it is met. The place counts from 0.
    if not batch.accounts[conditions[4 * index - 3]] then
      condition.what = 'seq'
      condition.least, condition.most = told.unmet == index - 1 and 1 or 0, 1
    end
  end
  return rows, away
end

--- The details of a decision, with the attempt.
local function details_across(details, attempt, shards)
  local across = '"across":{"attempt":"' .. attempt .. '","shards":[' .. shards .. ']}'
  if details == '' then return '{' .. across .. '}' end
  return sub(details, 1, -2) .. ',' .. across .. '}'
end

--- The one commit point.
local function note_decision(batch, attempt, shards, hold_id, now)
  local text = event_id(batch, 't', now) .. ' ' .. text_of[now] .. ' ' .. hold_id
  batch.transits[attempt] = text
  batch.written['transit:' .. attempt] = text
  begin_transit(batch, 'transits', attempt .. ' ' .. shards, now)
end

--- What is known of an attempt that is to be decided; nil if nothing is.
local function known_attempt(batch, attempt)
  local known = batch.transits[attempt]
  if not known then return nil end
  return known == '-' and '~' or '^' .. known
end

function decide.s(batch, id, attempt, _, content, body, now)
  local known = known_attempt(batch, attempt)
  if known then return nil, known end
  if body.reverses and batch.reversed[body.reverses] then
    return nil, 'already-reversed///' .. batch.reversed[body.reverses]
  end
  local rows, away = rows_at_home(batch, body.postings, body.conditions, body.told)
  local refusal = transit_rules.applyAcross(rows, away, false, now)
  if refusal then return nil, place_of(refusal, rows, body.postings, body.conditions), body.dry end
  local moves = moves_text(batch, rows, body.postings, NOTHING)
  local details = details_across(body.details, attempt, body.told.shards)
  local event = 't ' .. text_of[now] .. ' ' .. moves .. ' ' .. id .. ' ' .. content_of(content) .. ' ' .. details
  if body.dry then
    rules.undoTransaction(rows, #rows.postings)
    return event, nil, true
  end
  note_transaction(batch, rows, body, id, now)
  note_decision(batch, attempt, body.told.shards, '-', now)
  return event
end

function decide.k(batch, id, hold_id, _, content, body, now)
  local known = known_attempt(batch, body.attempt)
  if known then return nil, known end
  local hold, refused = open_hold(batch, hold_id)
  if not hold then return nil, refused end
  local postings = postings_of_capture(hold, body)
  local rows, away = rows_at_home(batch, postings, NOTHING, body.told)
  local refusal = transit_rules.captureAcross(batch.accounts[hold.from], hold.amount, rows, away, now)
  if refusal then return nil, place_of(refusal, rows, postings, NOTHING) end
  note_decision(batch, body.attempt, body.told.shards, hold_id, now)
  local details = details_across(hold.details, body.attempt, body.told.shards)
  return note_capture(batch, id, hold_id, content, rows, postings, details, now)
end

--- A hold whose `to` is on another shard.
function decide.v(batch, id, account_id, amount, content, body, now)
  local to = body.state ~= 'unknown' and { state = body.state, unit = body.unit }
  return create_hold(batch, id, account_id, amount, content, body, now, body.recipient, to)
end

--- The rows of a part: to it all accounts of others are part of the outside.
local function part_rows(batch, postings, conditions, own, sides)
  local accounts = setmetatable({}, { __index = world })
  local part = { sides = {} }
  for index, id in ipairs(own) do
    local account = batch.accounts[id]
    accounts[id] = account or false
    if account then
      local side = sides[index] or { outgoing = 0, incoming = 0, locks = 0 }
      side.account = account
      part.sides[#part.sides + 1] = side
    end
  end
  for index = 1, #conditions, 4 do
    for at, id in ipairs(own) do
      if id == conditions[index] and part.sides[at] then part.sides[at].locks = 1 end
    end
  end
  part.transaction = transaction_of(accounts, postings, conditions)
  return part
end

--- The sides of a part, as its events say them.
local function sides_text(part)
  local text = ''
  for _, side in ipairs(part.sides) do
    text = text .. ' ' .. text_of[side.outgoing] .. ' ' .. text_of[side.incoming] .. ' ' .. text_of[side.locks]
  end
  return text
end

--- Where the part cannot be prepared: what this shard knows, for home to decide by.
local function unprepared(batch, body, refusal, at)
  local answer = '<'
  for _, id in ipairs(body.own) do
    local account = batch.accounts[id]
    answer = answer .. (account and account.state .. ' ' .. account.unit or 'unknown /') .. ' '
  end
  if refusal == 'condition-failed' then return answer .. '/ / ' .. body.places[at + 1] end
  if refusal == 'limit-exceeded' or refusal == 'balance-out-of-range' then
    return answer .. refusal .. ' ' .. text_of[at] .. ' /'
  end
  return answer .. '/ / /'
end

function transits.q(batch, attempt, body, id, now)
  local open = batch.parts[attempt]
  if open then return nil, '+0 0 ' .. open end
  if batch.outcomes['prt:' .. attempt] then return nil, '?' end
  local part = part_rows(batch, body.postings, body.conditions, body.own, NOTHING)
  local refusal = transit_rules.preparePart(part, now)
  if refusal then return nil, unprepared(batch, body, refusal, part.transaction.refusedAt) end
  local rest = sides_text(part) .. ' ' .. id .. ' ' .. body.details
  if body.dry then
    transit_rules.finishPart(part, now)
    local moves = moves_text(batch, part.transaction, body.postings, body.own)
    rules.undoTransaction(part.transaction, #part.transaction.postings)
    return nil, '=0 0 f ' .. text_of[now] .. ' ' .. attempt .. ' - ' .. text_of[now] .. ' - ' .. moves .. rest
  end
  for _, posting in ipairs(part.transaction.postings) do
    posting.fromSeq, posting.fromBalance, posting.toSeq, posting.toBalance = 0, 0, 0, 0
  end
  for _, side in ipairs(part.sides) do
    side.account.changed = true
  end
  local event = 'q ' .. text_of[now] .. ' ' .. attempt .. ' ' ..
    moves_text(batch, part.transaction, body.postings, body.own) .. rest
  batch.parts[attempt] = event
  batch.written['part:' .. attempt] = event
  begin_transit(batch, 'parts', attempt, now)
  in_transit = true
  return event
end

--- The rows of an open part; nil where it is not open. It is not from here on.
local function take_part(batch, attempt)
  local text = batch.parts[attempt]
  if not text then return nil end
  batch.parts[attempt] = false
  end_transit(batch, 'parts', attempt, 'part:' .. attempt)
  local prepared = batch.prepared[attempt] or part_of(text)
  local part = part_rows(batch, prepared.postings, NOTHING, prepared.own, prepared.sides)
  if #part.sides < #prepared.own then error('an account of the part ' .. attempt .. ' is missing') end
  for _, side in ipairs(part.sides) do
    side.account.changed = true
  end
  return part, prepared
end

function transits.f(batch, attempt, body, _, now)
  local part, prepared = take_part(batch, attempt)
  if not part then return nil, '^' end
  local refusal = transit_rules.finishPart(part, now)
  if refusal then error('the part ' .. attempt .. ' was prepared, and is refused: ' .. refusal) end
  local event = 'f ' .. text_of[now] .. ' ' .. attempt .. ' ' .. body.transaction .. ' ' .. body.decided .. ' ' ..
    body.hold .. ' ' .. moves_text(batch, part.transaction, prepared.postings, prepared.own) .. sides_text(part) .. ' ' ..
    prepared.id .. ' ' .. prepared.details
  note_entries(batch, part.transaction, prepared.postings, prepared.id, prepared.details)
  return event
end

function transits.u(batch, attempt, _, _, now)
  -- A copy of the call that prepares it may still be on its way.
  local prepared_id = 'prt:' .. attempt
  batch.outcomes[prepared_id] = '!'
  batch.seen[#batch.seen + 1] = prepared_id
  batch.seen[#batch.seen + 1] = '!'
  local part, prepared = take_part(batch, attempt)
  if not part then return nil, '^' end
  transit_rules.undoPart(part)
  return 'u ' .. text_of[now] .. ' ' .. attempt .. ' ' .. moves_text(batch, { postings = NOTHING }, NOTHING, prepared.own) ..
    sides_text(part)
end

function transits.w(batch, attempt)
  abandon(batch, attempt)
  local known = batch.transits[attempt]
  return nil, known == '-' and '~' or '^' .. known
end

function transits.z(batch, attempt, _, shards)
  local known = batch.transits[attempt]
  if known and known ~= '-' then
    batch.transits[attempt] = false
    batch.is_marked = true
    end_transit(batch, 'transits', attempt .. ' ' .. shards, 'transit:' .. attempt)
  end
  return nil, '^'
end

--- The accounts that a command changes, and those of its conditions.
local function named_by(batch, argv, at)
  local kind, body = argv[at], batch.bodies[at]
  if kind == 'c' or kind == 'd' or kind == 'a' or kind == 'h' or kind == 'v' then return { argv[at + 2] }, NOTHING end
  if kind == 'q' then return body.own, body.conditions end
  local named = {}
  local hold = (kind == 'p' or kind == 'r' or kind == 'k') and batch.holds[argv[at + 2]]
  if hold then named = { hold.from, body.to or hold.to } end
  for index = 1, #(body and body.parts or NOTHING), 2 do
    named[#named + 1] = body.parts[index]
  end
  if kind ~= 't' and kind ~= 's' then return named, NOTHING end
  for index = 1, #body.postings, 3 do
    named[#named + 1] = body.postings[index]
    named[#named + 1] = body.postings[index + 1]
  end
  return named, body.conditions
end

--- Whether it is not known yet what a command would find.
local function must_wait(batch, argv, at)
  local keys = ATTEMPT_KEYS[argv[at]]
  -- What is known of its attempt is the answer.
  if keys and (batch[keys][attempt_of(argv, at, batch.bodies[at])] or batch.outcomes[argv[at + 1]]) then return false end
  local named, conditions = named_by(batch, argv, at)
  for _, id in ipairs(named) do
    local account = batch.accounts[id]
    if account and account.locks and account.locks > 0 then return true end
  end
  for index = 1, #conditions, 4 do
    local account = batch.accounts[conditions[index]]
    if account and account.parts then return true end
  end
  return false
end
