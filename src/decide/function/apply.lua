-- A batch: what is due is ended, the commands are decided one after the other, and all of it is written.

-- Where the head says nothing else.
local KEY_SECONDS = 86400
-- As many holds are ended in one call. If more are due, that is all that the call does.
local EXPIRIES_MAX = 200
-- What a remembered refusal begins with: !
local REFUSED = 33

--- What is before the ids of commands in their events, by where the command begins; nothing where none has a name.
--- Takes the names off the arguments.
local function take_names(argv)
  local names = {}
  if #argv % FIELDS == 3 then return names end
  local at = 4
  for name in gmatch(table.remove(argv), '%S+') do
    if name ~= '-' then names[at] = name .. '/' end
    at = at + FIELDS
  end
  return names
end

--- Notes what is remembered for the ids of the batch: id -> outcome, and for client keys id -> content.
local function recall(batch, argv)
  local outcomes, kept, ids, count = batch.outcomes, batch.kept, {}, 0
  for at = 4, #argv, FIELDS do
    local id = argv[at + 1]
    if argv[at + 4] == '' then
      count = count + 1
      ids[count] = id
    elseif kept[id] then
      local feed = find(kept[id], '\n', 1, true)
      batch.contents[id] = sub(kept[id], 1, feed - 1)
      outcomes[id] = sub(kept[id], feed + 1)
    end
  end
  if count == 0 then return end
  for age = 0, 1 do
    local seen = redis.call('HMGET', batch.prefix .. 'seen:' .. text_of[batch.period - age], unpack(ids))
    for index = 1, count do
      if seen[index] then outcomes[ids[index]] = seen[index] end
    end
  end
end

--- @return the name of a command that the caller may not use, of those that apply writes with
local function may_not_write(prefix, head, outbox)
  local allowed = redis.acl_check_cmd
  if not allowed('XADD', outbox, '1-0', 'e', '') then return 'XADD' end
  if not allowed('HSET', head, 'g', '1') then return 'HSET' end
  if not allowed('MSET', prefix .. 'account:1', '') then return 'MSET' end
  if not allowed('ZADD', prefix .. 'statement:1', '1', '') then return 'ZADD' end
  if not allowed('ZREM', prefix .. 'expiries', '') then return 'ZREM' end
  if not allowed('ZREMRANGEBYRANK', prefix .. 'statement:1', 0, -1) then return 'ZREMRANGEBYRANK' end
  if not allowed('SET', prefix .. 'key:', '', 'EX', KEY_SECONDS) then return 'SET' end
  return nil
end

--- The answer to a command that was decided before. What is remembered of an entry ends before the command's own words.
local function replayed(outcome, id, text)
  local rest = sub(outcome, 2)
  if byte(outcome) == REFUSED then return '?' .. rest end
  if find(rest, '^[cd] ') then return '+' .. rest .. ' ' .. id .. ' ' .. text end
  return '+' .. rest
end

local function add_event(batch, event)
  local events = batch.events
  local count = #events
  events[count + 1] = 'e'
  events[count + 2] = event
end

--- Decides a command that was not decided before.
--- @return the answer
local function decide_one(batch, argv, at, now)
  local kind, id, of, amount, content, text =
    argv[at], argv[at + 1], argv[at + 2], argv[at + 3], argv[at + 4], argv[at + 5]
  local name = batch.names[at]
  local named = name and name .. id or id
  local event, refusal, dry, short
  if kind == 'c' or kind == 'd' then
    event, refusal, short = decide_entry(batch, kind, named, of, amount, text, now)
  elseif kind == 'x' then
    refusal = text
  else
    event, refusal, dry = decide[kind](batch, named, of, amount, content, batch.bodies[at], now)
    -- An account that was opened just so before: nothing happens, and its row is the answer.
    if event == false then
      return ('*%s %s'):format(row_of(batch.accounts[of]), match(batch.details[of], '^%S* (.*)$'))
    end
    if refusal == '~' then return '~' end
    if dry then return event and '=0 0 ' .. event or '!' .. refusal end
  end
  local answer, outcome
  if short then
    answer = '=' .. event
    outcome = sub(answer, 1, #answer - #named - #text - 2)
    add_event(batch, event)
  elseif event then
    answer = '=' .. text_of[batch.g] .. ' ' .. text_of[#batch.events / 2] .. ' ' .. event .. (batch.hold_text or '')
    outcome = answer
    batch.hold_text = nil
    add_event(batch, event)
  else
    answer = '!' .. refusal
    outcome = answer
    if content ~= '' then
      event = 'x ' .. text_of[now] .. ' ' .. refusal .. ' ' .. named .. ' ' .. content
      answer = '!' .. event
      add_event(batch, event)
    end
  end
  batch.outcomes[id] = outcome
  if content == '' then
    local seen = batch.seen
    local count = #seen
    seen[count + 1] = id
    seen[count + 2] = outcome
  else
    batch.contents[id] = content
    batch.remembered[#batch.remembered + 1] = id
  end
  return answer
end

local function copy(row)
  local made = {}
  for name, value in pairs(row) do
    made[name] = value
  end
  return made
end

-- What commands change of a batch, beside its lists.
local TABLES = { 'accounts', 'holds', 'details', 'reversed', 'written', 'ended', 'outcomes', 'contents' }

--- Copies of the rows that are looked at, so that those of the table stay as they are.
local function copies_of(rows)
  return setmetatable({}, {
    __index = function(copies, id)
      local row = rows[id]
      if row then
        row = copy(row)
        row.entries_count = row.entries and #row.entries
      end
      copies[id] = row
      return row
    end,
  })
end

--- Begins a group, of which all is kept or nothing. It costs what the group itself changes, however large the batch is.
local function savepoint(batch)
  local saved = { events = #batch.events, seen = #batch.seen, remembered = #batch.remembered }
  for _, name in ipairs(TABLES) do
    local before = batch[name]
    saved[name] = before
    batch[name] = (name == 'accounts' or name == 'holds') and copies_of(before) or setmetatable({}, { __index = before })
  end
  return saved
end

local function keep_group(batch, saved)
  for _, name in ipairs(TABLES) do
    local before = saved[name]
    for key, value in pairs(batch[name]) do
      before[key] = value
    end
    batch[name] = before
  end
end

local function shorten(list, count)
  for index = #list, count + 1, -1 do
    list[index] = nil
  end
end

local function roll_back(batch, saved)
  for _, account in pairs(batch.accounts) do
    -- What the group itself has opened is gone as a whole.
    if account and account.entries_count then shorten(account.entries, account.entries_count) end
  end
  for _, name in ipairs({ 'events', 'seen', 'remembered' }) do
    shorten(batch[name], saved[name])
  end
  for _, name in ipairs(TABLES) do
    batch[name] = saved[name]
  end
end

--- The refusal of a group under its key: with the command's place in it behind the fourth slash.
local function group_refusal(refusal, place)
  local _, slashes = gsub(refusal, '/', '')
  return refusal .. rep('/', 4 - slashes) .. text_of[place]
end

--- Decides the commands of a group, all or none.
--- @return where the commands after it begin
local function decide_group(batch, argv, from, now, full, reply)
  local key, key_content = argv[from + 1], argv[from + 4]
  local known = key_content ~= '' and batch.contents[key]
  if known and known ~= key_content then
    local at = from + FIELDS
    while argv[at] ~= ']' do
      local bears = argv[at + 1] == key and argv[at + 4] == key_content
      reply[#reply + 1] = bears and '!key-reused' or '-'
      at = at + FIELDS
    end
    return at + FIELDS
  end
  local told, told_place
  if known then
    told, told_place = match(batch.outcomes[key], '^!([^/]+/[^/]*/[^/]*/[^/]*)/(%d+)$')
  end
  if told then
    local at, place = from + FIELDS, 0
    while argv[at] ~= ']' do
      reply[#reply + 1] = place == tonumber(told_place) and '?' .. told or '-'
      at, place = at + FIELDS, place + 1
    end
    return at + FIELDS
  end
  local saved = savepoint(batch)
  local first = #reply + 1
  local refused = nil
  local at = from + FIELDS
  while argv[at] ~= ']' do
    local answer
    if refused then
      answer = '-'
    else
      local id = argv[at + 1]
      local outcome = batch.outcomes[id]
      if outcome and (batch.contents[id] or '') ~= argv[at + 4] then
        answer = '!key-reused'
      elseif outcome then
        answer = replayed(outcome, id, argv[at + 5])
      elseif full then
        answer = '#'
      else
        answer = decide_one(batch, argv, at, now)
      end
      local mark = sub(answer, 1, 1)
      if mark ~= '=' and mark ~= '+' and mark ~= '*' then refused = at end
    end
    reply[#reply + 1] = answer
    at = at + FIELDS
  end
  if not refused then
    keep_group(batch, saved)
  else
    roll_back(batch, saved)
    -- Nothing of the others was done, nor is it remembered; only that which was refused is.
    local place = first + (refused - from) / FIELDS - 1
    for index = first, #reply do
      if index ~= place then reply[index] = '-' end
    end
    local answer = reply[place]
    local refusal = match(answer, '^!x %d+ (%S+)') or match(answer, '^!(%S+)$')
    if refusal and refusal ~= 'key-reused' and key_content ~= '' and not known then
      refusal = group_refusal(refusal, place - first)
      local event = ('x %s %s %s%s %s'):format(text_of[now], refusal, batch.names[from] or '', key, key_content)
      reply[place] = '!' .. event
      add_event(batch, event)
      batch.outcomes[key] = '!' .. refusal
      batch.contents[key] = key_content
      batch.remembered[#batch.remembered + 1] = key
    elseif sub(answer, 1, 2) == '!x' then
      local id, content = argv[refused + 1], argv[refused + 4]
      add_event(batch, sub(answer, 2))
      batch.outcomes[id] = '!' .. match(answer, '^!x %d+ (%S+)')
      batch.contents[id] = content
      batch.remembered[#batch.remembered + 1] = id
    end
  end
  return at + FIELDS
end

local function write(batch, head, outbox, now)
  local prefix = batch.prefix
  local g, time = text_of[batch.g], text_of[now]
  local rows, ends, expiries = {}, {}, {}
  for id, account in pairs(batch.accounts) do
    if account and account.changed then
      local row = row_of(account)
      account.row = row
      rows[#rows + 1] = prefix .. 'account:' .. id
      rows[#rows + 1] = row
    end
  end
  for name, text in pairs(batch.written) do
    rows[#rows + 1] = prefix .. name
    rows[#rows + 1] = text
  end
  for id, hold in pairs(batch.holds) do
    if hold and hold.changed and hold.state == 'open' then
      rows[#rows + 1] = prefix .. 'hold:' .. id
      rows[#rows + 1] = hold_row(hold)
      expiries[#expiries + 1] = hold.expires
      expiries[#expiries + 1] = id
    elseif hold and hold.changed then
      ends[#ends + 1] = id
      batch.ended['hold:' .. id] = hold.text
    end
  end

  -- A command that this user may not run would end the function between its writes. Rights may change at any time.
  local forbidden = may_not_write(prefix, head, outbox)
  if forbidden then return redis.error_reply('NOPERM the user of the ledger may not use ' .. forbidden) end

  -- The point of no return: from here on nothing is refused and nothing may fail. Only XADD could still fail, if the
  -- outbox already holds this batch; so it comes first.
  if #batch.events > 0 then
    redis.call('XADD', outbox, g .. '-0', unpack(batch.events))
    redis.call('HSET', head, 'g', g, 'time', time)
  else
    redis.call('HSET', head, 'time', time)
  end
  set_all(rows)
  for id, account in pairs(batch.accounts) do
    if account and account.changed then remember_account(id, account) end
    local entries = account and account.entries
    if entries and #entries > 0 then
      local statement = prefix .. 'statement:' .. id
      local first = math.max(1, #entries - 2 * STATEMENT_ENTRIES + 1)
      redis.call('ZADD', statement, unpack(entries, first))
      if account.seq % TRIM_ENTRIES < account.seq - account.first_seq then
        redis.call('ZREMRANGEBYRANK', statement, 0, -STATEMENT_ENTRIES - 1)
      end
    end
  end
  if #expiries > 0 then redis.call('ZADD', prefix .. 'expiries', unpack(expiries)) end
  if #ends > 0 then redis.call('ZREM', prefix .. 'expiries', unpack(ends)) end
  for name, text in pairs(batch.ended) do
    redis.call('SET', prefix .. name, text, 'EX', ENDED_SECONDS)
  end
  if #batch.seen > 0 then
    redis.call('HSET', prefix .. 'seen:' .. text_of[batch.period], unpack(batch.seen))
  end
  for _, id in ipairs(batch.remembered) do
    redis.call('SET', prefix .. id, batch.contents[id] .. '\n' .. batch.outcomes[id], 'EX', batch.key_seconds)
  end
  return nil
end

--- @param full whether nothing new may be decided, only what is due
local function apply_batch(head, argv, full, may_end)
  new_texts()
  local prefix = sub(head, 1, -5)
  local outbox = prefix .. 'outbox'
  local state, refused = fence(head, argv[1], argv[2])
  if refused then return refused end
  local names = take_names(argv)
  full = full or redis.call('XLEN', outbox) >= tonumber(argv[3])
  local now = now_micros(state[4])
  local due = {}
  if may_end and not full then
    due = redis.call('ZRANGE', prefix .. 'expiries', '-inf', text_of[now], 'BYSCORE', 'LIMIT', 0, EXPIRIES_MAX + 1)
  end
  local batch = {
    names = names, prefix = prefix, shard = tonumber(match(prefix, '{(%d+)}')), g = tonumber(state[2]) + 1,
    period = tonumber(state[6]) or 0, key_seconds = state[7] or KEY_SECONDS,
    accounts = {}, holds = {}, kept = {}, reversed = {}, details = {}, bodies = {}, outcomes = {}, contents = {},
    events = {}, seen = {}, remembered = {}, written = {}, ended = {},
  }
  read_batch(batch, argv, due)
  recall(batch, argv)
  for index = 1, math.min(#due, EXPIRIES_MAX) do
    local event = expire(batch, due[index], now)
    if event then add_event(batch, event) end
  end
  local reply = { '', text_of[#batch.events / 2] }
  for index = 2, #batch.events, 2 do
    reply[#reply + 1] = batch.events[index]
  end

  local at = 4
  while at <= #argv do
    local kind, id = argv[at], argv[at + 1]
    if #due > EXPIRIES_MAX then
      reply[#reply + 1] = '~'
      at = at + FIELDS
    elseif kind == '[' then
      at = decide_group(batch, argv, at, now, full, reply)
    else
      local outcome = batch.outcomes[id]
      if outcome and (batch.contents[id] or '') ~= argv[at + 4] then
        outcome = '!key-reused'
      elseif outcome then
        outcome = replayed(outcome, id, argv[at + 5])
      elseif full then
        outcome = '#'
      else
        outcome = decide_one(batch, argv, at, now)
      end
      reply[#reply + 1] = outcome
      at = at + FIELDS
    end
  end
  if #batch.events == 0 and #batch.seen == 0 and #batch.remembered == 0 then return reply end
  if #batch.events > 0 then reply[1] = text_of[batch.g] end
  return write(batch, head, outbox, now) or reply
end

local function apply(keys, argv)
  return apply_batch(keys[1], argv, false, true)
end

local function recall_only(keys, argv)
  return apply_batch(keys[1], argv, true, false)
end
