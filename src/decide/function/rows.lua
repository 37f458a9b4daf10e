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

--- The outside: no rule changes it, and nothing of it is written.
local function world()
  return { creditLimit = 0, balance = 0, held = 0, seq = 0, time = 0, unit = '', state = 'open' }
end

-- Accounts as they were last written, with their rows: to read the row of a busy account is what costs most of a
-- transaction. Only an equal row is taken for one of them, and whoever takes one takes it out: a call that fails leaves
-- nothing behind that it has changed.
local known, known_count = {}, 0
local KNOWN_MAX = 1000

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
      return account
    end
  end
  local limit, balance, held, seq, time, unit, state, opened =
    match(row, '^(%d+) (%-?%d+) (%d+) (%d+) (%d+) (%S+) (%l+) (%d+)$')
  if not limit then error('account ' .. id .. ' cannot be read: ' .. row) end
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

function body_of.r()
  return {}
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
      if kind == 'o' or kind == 'a' or kind == 'h' then want_account(of) end
      if kind == 'o' or kind == 'a' then want(rest, prefix .. 'details:' .. of, batch.details, of) end
      if kind == 'p' or kind == 'r' then want(first, prefix .. 'hold:' .. of, holds, of) end
      if body.reverses then want(rest, prefix .. 'reversed:' .. body.reverses, batch.reversed, body.reverses) end
      if kind == 't' then
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
  end
  read_wanted(rest, batch)
  accounts[WORLD] = world()
end
