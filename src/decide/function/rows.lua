-- What is read before a batch is decided, and the texts that accounts and holds are.

local STATEMENT_ENTRIES = 10
-- A statement is cut to its length when this many entries were added. It costs less than at each entry.
local TRIM_ENTRIES = 8
local FIELDS = 6
-- As many values go into one command. Lua's stack holds 8,000.
local VALUES_MAX = 2000
local WORLD = '@world'
-- In the text of a command; no id is this.
local NONE = '/'
local NOTHING = {}

--- The outside: no rule changes it, and nothing of it is written.
local function world()
  return { creditLimit = 0, balance = 0, held = 0, seq = 0, time = 0, unit = '', state = 'open' }
end

-- Accounts as they were last written, with their rows: to read the row of a busy account is what costs most of a
-- transaction. Only an equal row is taken for one of them, and whoever takes one takes it out: a call that fails leaves
-- nothing behind that it has changed.
local known, known_count = {}, 0
local KNOWN_MAX = 1000

-- Whether an account of this batch has open parts of transactions across shards: only then anything is asked about them.
local in_transit = false

local function remember_account(id, account)
  if known_count == KNOWN_MAX then
    known, known_count = {}, 0
  end
  if not known[id] then known_count = known_count + 1 end
  known[id] = account
end

local function account_of(id, row)
  local account = known[id]
  if account then
    known[id] = nil
    known_count = known_count - 1
    if account.row == row then
      account.first_seq, account.entries, account.changed = account.seq, {}, false
      if account.parts then in_transit = true end
      return account
    end
  end
  local limit, balance, held, seq, time, unit, state, opened =
    match(row, '^(%d+) (%-?%d+) (%d+) (%d+) (%d+) (%S+) (%l+) (%d+)$')
  if not limit then
    local short, parts, outgoing, incoming, locks = match(row, '^(.* %d+) (%d+) (%d+) (%d+) (%d+)$')
    if not short or find(short, ' %d+ %d+$') then error('account ' .. id .. ' cannot be read: ' .. row) end
    local account = account_of(id, short)
    account.parts, account.outgoing = tonumber(parts), tonumber(outgoing)
    account.incoming, account.locks = tonumber(incoming), tonumber(locks)
    in_transit = true
    return account
  end
  seq = tonumber(seq)
  return {
    creditLimit = tonumber(limit), balance = tonumber(balance), held = tonumber(held), seq = seq, time = tonumber(time),
    unit = unit, state = state, opened = opened, first_seq = seq, entries = {},
  }
end

local function row_of(account)
  return text_of[account.creditLimit] .. ' ' .. text_of[account.balance] .. ' ' .. text_of[account.held] .. ' ' ..
    text_of[account.seq] .. ' ' .. text_of[account.time] .. ' ' .. account.unit .. ' ' .. account.state .. ' ' ..
    account.opened
end

--- The row as it is kept: events do not have what is in transit.
local function kept_row_of(account)
  local row = row_of(account)
  if not account.parts then return row end
  return row .. ' ' .. text_of[account.parts] .. ' ' .. text_of[account.outgoing] .. ' ' .. text_of[account.incoming] ..
    ' ' .. text_of[account.locks]
end

local function hold_of(id, row)
  local state, from, to, amount, captured, expires, created, transaction, details =
    match(row, '^(%l+) (%S+) (%S+) (%d+) (%d+) (%d+) (%d+) (%S+) ?(.*)$')
  if not state then error('hold ' .. id .. ' cannot be read: ' .. row) end
  return {
    state = state, from = from, to = to, amount = tonumber(amount), captured = tonumber(captured), expires = expires,
    created = created, transaction = transaction, details = details,
  }
end

local function hold_row(hold)
  return hold.state .. ' ' .. hold.from .. ' ' .. hold.to .. ' ' .. text_of[hold.amount] .. ' ' ..
    text_of[hold.captured] .. ' ' .. hold.expires .. ' ' .. hold.created .. ' ' .. hold.transaction .. ' ' .. hold.details
end

--- A list of keys, each once, with the table that what they stand for goes into, and its name there.
local function wanted_keys()
  return { count = 0, keys = {}, into = {}, names = {} }
end

--- Until it is read, the name stands for nothing in the table.
local function want(wanted, key, into, name)
  if into[name] ~= nil then return end
  into[name] = false
  local count = wanted.count + 1
  wanted.count = count
  wanted.keys[count] = key
  wanted.into[count] = into
  wanted.names[count] = name
end

--- Reads the keys, and puts what they are into their tables; false where there is none.
local function read_wanted(wanted, batch)
  local keys, into, names = wanted.keys, wanted.into, wanted.names
  local accounts, holds = batch.accounts, batch.holds
  for from = 1, wanted.count, VALUES_MAX do
    local absent = {}
    local to = math.min(from + VALUES_MAX - 1, wanted.count)
    local rows = redis.call('MGET', unpack(keys, from, to))
    for index = from, to do
      local row, table, name = rows[index - from + 1], into[index], names[index]
      if not row then
        absent[#absent + 1] = keys[index]
      elseif table == accounts then
        table[name] = account_of(name, row)
      elseif table == holds then
        table[name] = hold_of(name, row)
      else
        table[name] = row
      end
    end
    -- MGET finds nothing where a key is of another type.
    if #absent > 0 and redis.call('EXISTS', unpack(absent)) > 0 then
      error('a key of this batch is no text')
    end
  end
end

--- Sets keys to values, which stand behind each other in the list.
local function set_all(rows)
  for from = 1, #rows, VALUES_MAX do
    redis.call('MSET', unpack(rows, from, math.min(from + VALUES_MAX - 1, #rows)))
  end
end

-- What the text of a command says, by its kind.
local body_of = {}

function body_of.o(text)
  return cjson.decode(text)
end

body_of.a = body_of.o

function body_of.t(text)
  local count, conditions, reverses, dry, at = match(text, '^(%d+) (%d+) (%S+) (%d) ()')
  local body = { postings = {}, conditions = {}, reverses = reverses ~= NONE and reverses, dry = dry == '1' }
  local into = body.postings
  for index = 1, 3 * tonumber(count), 3 do
    into[index], into[index + 1], into[index + 2], at = match(text, '^(%S+) (%S+) (%d+) ()', at)
  end
  into = body.conditions
  for index = 1, 4 * tonumber(conditions), 4 do
    into[index], into[index + 1], into[index + 2], into[index + 3], at = match(text, '^(%S+) (%S+) (%S+) (%S+) ()', at)
  end
  body.details = sub(text, at)
  return body
end

--- Reads as many words of a text, from a place on. @return the words, and where it goes on
local function words_of(text, at, count)
  local words = {}
  for index = 1, count do
    words[index], at = match(text, '^(%S+) ()', at)
  end
  return words, at
end

function body_of.q(text)
  local dry, postings, conditions, own, at = match(text, '^(%d) (%d+) (%d+) (%d+) ()')
  local body = { dry = dry == '1', places = {}, conditions = {} }
  body.postings, at = words_of(text, at, 3 * tonumber(postings))
  for index = 1, tonumber(conditions) do
    local words
    words, at = words_of(text, at, 5)
    body.places[index] = words[1]
    for field = 2, 5 do
      body.conditions[#body.conditions + 1] = words[field]
    end
  end
  body.own, at = words_of(text, at, tonumber(own))
  body.details = sub(text, at)
  return body
end

--- What the parts of other shards have told. @return it, and the rest of the text
local function told_of(text)
  local shards, count, at = match(text, '^(%S+) (%d+) ()')
  local told = { shards = shards, accounts = {} }
  for index = 1, tonumber(count) do
    local words
    words, at = words_of(text, at, 3)
    told.accounts[index] = { id = words[1], state = words[2], unit = words[3] }
  end
  local refusal, posting, unmet, rest = match(text, '^(%S+) (%S+) (%S+) (.*)$', at)
  if refusal ~= NONE then told.refusal, told.posting = refusal, tonumber(posting) end
  told.unmet = tonumber(unmet)
  return told, rest
end

function body_of.s(text)
  local told, rest = told_of(text)
  local body = body_of.t(rest)
  body.told = told
  return body
end

function body_of.v(text)
  local to, seconds, state, unit, details = match(text, '^(%S+) (%d+) (%S+) (%S+) (.*)$')
  return { recipient = to, seconds = seconds, state = state, unit = unit, details = details }
end

function body_of.h(text)
  local to, seconds, details = match(text, '^(%S+) (%d+) (.*)$')
  return { to = to, seconds = seconds, details = details }
end

function body_of.p(text)
  local amount, to, count, at = match(text, '^(%S+) (%S+) (%S+)()')
  local body = { amount = amount ~= NONE and amount, to = to ~= NONE and to }
  if count == NONE then return body end
  body.parts = {}
  for index = 1, 2 * tonumber(count), 2 do
    body.parts[index], body.parts[index + 1], at = match(text, '^ (%S+) (%d+)()', at)
  end
  return body
end

function body_of.k(text)
  local attempt, rest = match(text, '^(%S+) (.*)$')
  local told
  told, rest = told_of(rest)
  local body = body_of.p(rest)
  body.attempt, body.told = attempt, told
  return body
end

function body_of.r()
  return {}
end

function body_of.f(text)
  local transaction, decided, hold = match(text, '^(%S+) (%d+) (%S+)$')
  return { transaction = transaction, decided = decided, hold = hold }
end

body_of.u, body_of.w, body_of.z = body_of.r, body_of.r, body_of.r

--- The attempt that a command is about; nil where all of it is on one shard.
local function attempt_of(argv, at, body)
  local kind = argv[at]
  if kind == 's' then return argv[at + 2] end
  if kind == 'k' then return body.attempt end
  return match(argv[at + 1], '^%l%l%l:(.*)$')
end

-- What else is read for a kind of the transactions across shards: the key of its attempt at home, or of its part.
local ATTEMPT_KEYS = { s = 'transits', k = 'transits', w = 'transits', z = 'transits', q = 'parts', f = 'parts', u = 'parts' }

--- A part as it was prepared, see the event q.
local function part_of(text)
  local count, own, at = match(text, '^q %d+ %S+ (%d+) (%d+) ()')
  local part = { postings = {}, own = {}, sides = {} }
  local into = part.postings
  for index = 1, 3 * tonumber(count), 3 do
    into[index], into[index + 1], into[index + 2], at = match(text, '^(%S+) (%S+) (%d+) %d+ %d+ %d+ %d+ ()', at)
  end
  for index = 1, tonumber(own) do
    part.own[index], at = match(text, '^(%S+) %d+ %-?%d+ %d+ %d+ %d+ %S+ %l+ %d+ ()', at)
  end
  for index = 1, tonumber(own) do
    local outgoing, incoming, locks
    outgoing, incoming, locks, at = match(text, '^(%d+) (%d+) (%d+) ()', at)
    part.sides[index] = { outgoing = tonumber(outgoing), incoming = tonumber(incoming), locks = tonumber(locks) }
  end
  part.id, at = match(text, '^(%S+) ()', at)
  part.details = sub(text, at)
  return part
end

--- Reads all that the commands of a batch and the holds that are due need.
local function read_batch(batch, argv, due)
  local prefix, accounts, holds, kept = batch.prefix, batch.accounts, batch.holds, batch.kept
  local first, rest = wanted_keys(), wanted_keys()
  local function want_account(id)
    if accounts[id] == nil and id ~= WORLD then want(rest, prefix .. 'account:' .. id, accounts, id) end
  end
  for _, id in ipairs(due) do
    want(first, prefix .. 'hold:' .. id, holds, id)
  end
  for at = 4, #argv, FIELDS do
    local kind, of = argv[at], argv[at + 2]
    if argv[at + 4] ~= '' then want(rest, prefix .. argv[at + 1], kept, argv[at + 1]) end
    if kind == 'c' or kind == 'd' then
      want_account(of)
    elseif body_of[kind] then
      local body = body_of[kind](argv[at + 5])
      batch.bodies[at] = body
      if kind == 'o' or kind == 'a' or kind == 'h' or kind == 'v' then want_account(of) end
      if kind == 'o' or kind == 'a' then want(rest, prefix .. 'details:' .. of, batch.details, of) end
      if kind == 'p' or kind == 'r' or kind == 'k' then want(first, prefix .. 'hold:' .. of, holds, of) end
      if body.reverses then want(rest, prefix .. 'reversed:' .. body.reverses, batch.reversed, body.reverses) end
      local keys = ATTEMPT_KEYS[kind]
      if keys then
        local attempt = attempt_of(argv, at, body)
        if keys == 'parts' then
          want(first, prefix .. 'part:' .. attempt, batch.parts, attempt)
        else
          want(rest, prefix .. 'transit:' .. attempt, batch.transits, attempt)
        end
      end
      if body.told then
        -- They are on other shards.
        for _, account in ipairs(body.told.accounts) do
          if accounts[account.id] == nil then accounts[account.id] = false end
        end
      end
      for _, id in ipairs(body.own or NOTHING) do
        want_account(id)
      end
      if kind == 't' or kind == 's' then
        for index = 1, #body.postings, 3 do
          want_account(body.postings[index])
          want_account(body.postings[index + 1])
        end
        for index = 1, #body.conditions, 4 do
          want_account(body.conditions[index])
        end
      end
      if body.parts then
        for index = 1, #body.parts, 2 do
          want_account(body.parts[index])
        end
      end
      if body.to then want_account(body.to) end
    end
  end
  if first.count > 0 then
    read_wanted(first, batch)
    for _, hold in pairs(holds) do
      if hold then
        want_account(hold.from)
        want_account(hold.to)
      end
    end
    for attempt, text in pairs(batch.parts) do
      if text then
        batch.prepared[attempt] = part_of(text)
        for _, id in ipairs(batch.prepared[attempt].own) do
          want_account(id)
        end
      end
    end
  end
  read_wanted(rest, batch)
  accounts[WORLD] = world()
end
