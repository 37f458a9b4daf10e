-- One command at a time, by the rules. Each of these returns the text of the event, or else nil and the refusal, with its
-- place behind slashes (see src/ledger/refused.ts). What a command changes is in the rows of the batch until all of them
-- are decided.

local ENTRY_KIND = { c = 'credit', d = 'debit' }
local DESCRIPTION_CHARACTERS = 10
-- How long what has ended is known here: until then the books have it.
local ENDED_SECONDS = 86400

--- The first characters of a text of UTF-8.
local function cut(text)
  local at = 1
  for _ = 1, DESCRIPTION_CHARACTERS do
    local first = byte(text, at)
    if not first then return text end
    at = at + (first < 128 and 1 or first < 224 and 2 or first < 240 and 3 or 4)
  end
  return sub(text, 1, at - 1)
end

--- Notes an entry for the account's statement.
--- @param amount as text
--- @return the text of the entry
local function note_entry(batch, account, account_id, letter, seq, time, amount, balance, id, description)
  local entries = account.entries
  local count = #entries
  -- Checks the type, since no write may fail later.
  if count == 0 then redis.call('ZCARD', batch.prefix .. 'statement:' .. account_id) end
  local seq_text = text_of[seq]
  local entry = letter .. ' ' .. account_id .. ' ' .. seq_text .. ' ' .. text_of[time] .. ' ' .. amount .. ' ' ..
    text_of[balance] .. ' ' .. text_of[account.creditLimit] .. ' ' .. id .. ' ' .. description
  entries[count + 1] = seq_text
  entries[count + 2] = entry
  return entry
end

local function event_id(batch, letter, now)
  return ('%s%s-%d-%d-%d'):format(letter, batch.shard, batch.g, #batch.events / 2, now % 1000000)
end

local function content_of(content)
  return content == '' and '-' or content
end

--- The rows of a transaction, for the rules. Postings are from, to and amount, one after the other.
--- @param accounts by their ids
local function transaction_of(accounts, postings, conditions)
  local rows = { postings = {}, conditions = {}, refusedAt = 0 }
  for index = 1, #postings, 3 do
    rows.postings[(index + 2) / 3] = {
      from = accounts[postings[index]] or false, to = accounts[postings[index + 1]] or false,
      amount = tonumber(postings[index + 2]), fromSeq = 0, fromBalance = 0, toSeq = 0, toBalance = 0, fromTime = 0,
      toTime = 0,
    }
  end
  for index = 1, #conditions, 4 do
    rows.conditions[(index + 3) / 4] = {
      account = accounts[conditions[index]] or false, what = conditions[index + 1],
      least = tonumber(conditions[index + 2]), most = tonumber(conditions[index + 3]),
    }
  end
  return rows
end

--- The account that a posting, or a condition, was refused for.
local function place_of(refusal, rows, postings, conditions)
  local index = rows.refusedAt
  local posting = rows.postings[index + 1]
  local account
  if refusal == 'condition-failed' or (refusal == 'account-unknown' and (not posting or posting.from and posting.to)) then
    account = conditions[index * 4 + 1]
  else
    local from, to = postings[index * 3 + 1], postings[index * 3 + 2]
    local isFrom = refusal == 'limit-exceeded' or refusal == 'account-frozen'
      or refusal == 'account-unknown' and not posting.from
      or refusal == 'account-closed' and posting.from.state == 'closed'
    account = isFrom and from or to
  end
  return ('%s/%s/%d'):format(refusal, account, index)
end

--- What was moved, and the accounts of this shard as they stand after it, as the event says it.
--- @param first those that come before all others
local function moves_text(batch, rows, postings, first)
  local moves, states, count, known = '', '', 0, { [WORLD] = true }
  local function name(id)
    local account = not known[id] and batch.accounts[id]
    if not account then return end
    known[id] = true
    count = count + 1
    states = states .. ' ' .. id .. ' ' .. row_of(account)
  end
  for _, id in ipairs(first) do
    name(id)
  end
  for index, posting in ipairs(rows.postings) do
    local from, to = postings[index * 3 - 2], postings[index * 3 - 1]
    name(from)
    name(to)
    moves = moves .. ' ' .. from .. ' ' .. to .. ' ' .. postings[index * 3] .. ' ' .. text_of[posting.fromSeq] .. ' ' ..
      text_of[posting.fromBalance] .. ' ' .. text_of[posting.toSeq] .. ' ' .. text_of[posting.toBalance]
  end
  return text_of[#rows.postings] .. ' ' .. text_of[count] .. moves .. states
end

--- Notes that its accounts have changed, and its entries for their statements. The times of an account's entries are
--- one microsecond apart.
local function note_entries(batch, rows, postings, id, details)
  local description = details ~= '' and cut(cjson.decode(details).description or '') or ''
  for index, posting in ipairs(rows.postings) do
    local from, to = postings[index * 3 - 2], postings[index * 3 - 1]
    local account = from ~= WORLD and batch.accounts[from]
    if account then
      account.changed = true
      note_entry(batch, account, from, 'd', posting.fromSeq, account.time - (account.seq - posting.fromSeq),
        postings[index * 3], posting.fromBalance, id, description)
    end
    account = to ~= WORLD and batch.accounts[to]
    if account then
      account.changed = true
      note_entry(batch, account, to, 'c', posting.toSeq, account.time - (account.seq - posting.toSeq),
        postings[index * 3], posting.toBalance, id, description)
    end
  end
end

--- Notes its entries, and that what it reverses was reversed.
local function note_transaction(batch, rows, body, id, now)
  note_entries(batch, rows, body.postings, id, body.details)
  if body.reverses then
    batch.reversed[body.reverses] = event_id(batch, 't', now)
    batch.ended['reversed:' .. body.reverses] = batch.reversed[body.reverses]
  end
end

local decide = {}

--- A transaction of the contest's route. On an account that has no hold and is open its event is short, which is the third
--- that is returned.
local function decide_entry(batch, kind, id, account_id, amount, description, now)
  local account = batch.accounts[account_id]
  if not account then return nil, 'account-unknown/' .. account_id end
  local value = tonumber(amount)
  local refusal = rules.transact(account, ENTRY_KIND[kind], value, now)
  if refusal then return nil, refusal .. '/' .. account_id end
  account.changed = true
  local entry = note_entry(batch, account, account_id, kind, account.seq, account.time, amount, account.balance, id,
    description)
  if account.held == 0 and account.state == 'open' then return entry, nil, true end
  local sides = kind == 'c' and { WORLD, account_id } or { account_id, WORLD }
  local after = kind == 'c' and ('0 0 %d %d'):format(account.seq, account.balance)
    or ('%d %d 0 0'):format(account.seq, account.balance)
  local details = cjson.encode({ description = description })
  return ('t %d 1 1 %s %s %d %s %s %s %s - %s'):format(account.time, sides[1], sides[2], value, after, account_id,
    row_of(account), id, details)
end

local function change_event(account_id, account, id, content, details, now)
  return ('a %s %d %s %s %s %s'):format(account_id, math.max(now, account.time), row_of(account), id,
    content_of(content), details)
end

function decide.o(batch, id, account_id, amount, content, body, now)
  local account = batch.accounts[account_id]
  local details = batch.details[account_id]
  if account then
    local opening, rest = match(details or '', '^(%S*) (.*)$')
    if opening ~= body.opening then return nil, 'account-exists/' .. account_id end
    -- It was opened just so before. Only a key has to be remembered.
    if content == '' then return false end
    return change_event(account_id, account, id, content, rest, now)
  end
  if details or redis.call('EXISTS', batch.prefix .. 'statement:' .. account_id) > 0 then
    error('account ' .. account_id .. ' is there already')
  end
  account = rules.openAccount(tonumber(amount), body.unit, now)
  account.opened = text_of[now]
  account.first_seq = 0
  account.entries = {}
  account.changed = true
  batch.accounts[account_id] = account
  batch.details[account_id] = body.opening .. ' ' .. body.details
  batch.written['details:' .. account_id] = batch.details[account_id]
  return ('o %s %d %s %s %s %s %s'):format(account_id, now, amount, id, content_of(content), body.unit, body.details)
end

function decide.a(batch, id, account_id, amount, content, body, now)
  local account = batch.accounts[account_id]
  if not account then return nil, 'account-unknown/' .. account_id end
  local opening, before = match(batch.details[account_id] or ' ', '^(%S*) (.*)$')
  -- The details were read before they were changed: whoever asks has to read them again.
  if body.before and body.before ~= before then return nil, '~' end
  if body.unfit and account.state ~= 'closed' then return nil, 'metadata-too-large/' .. account_id end
  local refusal = rules.changeAccount(account, body.limit or account.creditLimit, body.state or account.state)
  if refusal then return nil, refusal .. '/' .. account_id end
  account.changed = true
  if body.details then
    batch.details[account_id] = opening .. ' ' .. body.details
    batch.written['details:' .. account_id] = batch.details[account_id]
  end
  return change_event(account_id, account, id, content, body.details or before, now)
end

function decide.t(batch, id, _, _, content, body, now)
  if body.reverses and batch.reversed[body.reverses] then
    return nil, 'already-reversed///' .. batch.reversed[body.reverses]
  end
  local rows = transaction_of(batch.accounts, body.postings, body.conditions)
  local refusal = rules.applyTransaction(rows, false, now)
  if refusal then return nil, place_of(refusal, rows, body.postings, body.conditions), body.dry end
  local moves = moves_text(batch, rows, body.postings, NOTHING)
  local event = 't ' .. text_of[now] .. ' ' .. moves .. ' ' .. id .. ' ' .. content_of(content) .. ' ' .. body.details
  if body.dry then
    rules.undoTransaction(rows, #rows.postings)
    return event, nil, true
  end
  note_transaction(batch, rows, body, id, now)
  return event
end

--- @param to the row of where it is to go, which may be on another shard; false if there is none
local function create_hold(batch, id, account_id, amount, content, body, now, to_id, to)
  local account = batch.accounts[account_id]
  if not account then return nil, 'account-unknown/' .. account_id end
  if not to then return nil, 'account-unknown/' .. to_id end
  if to.state == 'closed' and account.state ~= 'closed' then return nil, 'account-closed/' .. to_id end
  if account.state == 'open' and to.unit ~= '' and to.unit ~= account.unit then
    return nil, 'unit-mismatch/' .. to_id
  end
  local value = tonumber(amount)
  local refusal = rules.hold(account, value)
  if refusal then return nil, refusal .. '/' .. account_id end
  account.changed = true
  local expires = text_of[now + tonumber(body.seconds) * 1000000]
  local hold_id = event_id(batch, 'h', now)
  batch.holds[hold_id] = {
    state = 'open', from = account_id, to = to_id, amount = value, captured = 0, expires = expires,
    created = text_of[now], transaction = '-', details = body.details, changed = true,
  }
  return 'h ' .. text_of[now] .. ' ' .. to_id .. ' ' .. amount .. ' ' .. expires .. ' ' .. account_id .. ' ' ..
    row_of(account) .. ' ' .. id .. ' ' .. content_of(content) .. ' ' .. body.details
end

function decide.h(batch, id, account_id, amount, content, body, now)
  return create_hold(batch, id, account_id, amount, content, body, now, body.to, batch.accounts[body.to])
end

--- @return the hold, or nil and why it cannot be ended
local function open_hold(batch, hold_id)
  local hold = batch.holds[hold_id]
  if not hold then return nil, 'hold-unknown' end
  if hold.state ~= 'open' then return nil, 'hold-not-open///' .. hold.state end
  return hold
end

--- What the capture of a hold moves: from, to and amount of each posting.
local function postings_of_capture(hold, body)
  local amount = body.amount or text_of[hold.amount]
  local postings = amount == '0' and NOTHING or { hold.from, body.to or hold.to, amount }
  if body.parts then
    postings = {}
    for index = 1, #body.parts, 2 do
      postings[#postings + 1] = hold.from
      postings[#postings + 1] = body.parts[index]
      postings[#postings + 1] = body.parts[index + 1]
    end
  end
  return postings
end

--- Notes what the rules have done.
--- @return the text of the event
local function note_capture(batch, id, hold_id, content, rows, postings, details, now)
  local hold = batch.holds[hold_id]
  local account = batch.accounts[hold.from]
  hold.state = 'captured'
  hold.changed = true
  hold.captured = 0
  for _, posting in ipairs(rows.postings) do
    hold.captured = hold.captured + posting.amount
  end
  if #postings > 0 then hold.transaction = event_id(batch, 't', now) end
  local moves = moves_text(batch, rows, postings, { hold.from })
  account.changed = true
  note_entries(batch, rows, postings, id, hold.details)
  hold.text = hold_row(hold)
  batch.hold_text = '\n' .. hold.text
  return 'p ' .. text_of[now] .. ' ' .. hold_id .. ' ' .. moves .. ' ' .. id .. ' ' .. content_of(content) .. ' ' ..
    details
end

function decide.p(batch, id, hold_id, _, content, body, now)
  local hold, refused = open_hold(batch, hold_id)
  if not hold then return nil, refused end
  local postings = postings_of_capture(hold, body)
  -- It was there when the hold was made, and accounts stay: so it is on another shard.
  if postings[2] == hold.to and not batch.accounts[hold.to] then return nil, '>' end
  local rows = transaction_of(batch.accounts, postings, NOTHING)
  local refusal = rules.capture(batch.accounts[hold.from], hold.amount, rows, now)
  if refusal then return nil, place_of(refusal, rows, postings, NOTHING) end
  return note_capture(batch, id, hold_id, content, rows, postings, hold.details, now)
end

function decide.r(batch, id, hold_id, _, content, _, now)
  local hold, refused = open_hold(batch, hold_id)
  if not hold then return nil, refused end
  local account = batch.accounts[hold.from]
  rules.endHold(account, hold.amount)
  account.changed = true
  hold.state = 'released'
  hold.changed = true
  hold.text = hold_row(hold)
  batch.hold_text = '\n' .. hold.text
  return ('r %d %s %s %s %s %s'):format(now, hold_id, hold.from, row_of(account), id, content_of(content))
end

--- Ends a hold whose time has come.
local function expire(batch, hold_id, now)
  local hold = batch.holds[hold_id]
  if not hold or hold.state ~= 'open' then return nil end
  local account = batch.accounts[hold.from]
  rules.endHold(account, hold.amount)
  account.changed = true
  hold.state = 'expired'
  hold.text = hold_row(hold)
  hold.changed = true
  return ('e %d %s %s %s'):format(now, hold_id, hold.from, row_of(account))
end
