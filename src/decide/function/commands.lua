-- Commands of a batch, by themselves and in groups, and what is answered where one was decided before.

-- What a remembered refusal begins with: !
local REFUSED = 33
-- What the answer to something accepted begins with: =
local ACCEPTED = 61

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

--- Asks the rules.
--- @return the text of the event; or else nil and the refusal, or an answer that is none, which begins with no letter; whether
--- nothing is to be kept of it; whether the event is of the short form
local function ask_rules(batch, argv, at, named, now)
  local kind, of, content = argv[at], argv[at + 2], argv[at + 4]
  if kind == 'c' or kind == 'd' then
    local event, refusal, short = decide_entry(batch, kind, named, of, argv[at + 3], argv[at + 5], now)
    return event, refusal, false, short
  end
  local body = batch.bodies[at]
  if transits[kind] then
    return transits[kind](batch, attempt_of(argv, at, body), body, (batch.names[at] or '') .. of, now)
  end
  return decide[kind](batch, named, of, argv[at + 3], content, body, now)
end

-- What may be refused because of what is in transit.
local HANG = { 'limit-exceeded', 'balance-out-of-range', 'limit-too-low', 'account-not-empty' }

--- Whether it would not be refused if nothing were in transit: then nobody knows yet what it has to be.
local function hangs_on_transit(batch, argv, at, named, refusal, now)
  local may_hang = false
  for _, name in ipairs(HANG) do
    may_hang = may_hang or find(refusal, name, 1, true)
  end
  if not may_hang then return false end
  local saved = savepoint(batch)
  local has_parts = false
  for _, id in ipairs((named_by(batch, argv, at))) do
    local account = batch.accounts[id]
    if account and account.parts then
      has_parts = true
      transit_rules.leaveParts(account)
    end
  end
  local event, answer
  if has_parts then event, answer = ask_rules(batch, argv, at, named, now) end
  roll_back(batch, saved)
  batch.hold_text = nil
  return event or answer and byte(answer) == ACCEPTED
end

--- Of a decision at home that is none: so the attempt is never decided.
local function give_up(batch, argv, at)
  local kind, body = argv[at], batch.bodies[at]
  if (kind == 's' or kind == 'k') and not body.dry then abandon(batch, attempt_of(argv, at, body)) end
end

--- Decides a command that was not decided before.
--- @return the answer
local function decide_one(batch, argv, at, now)
  local kind, id, of, amount, content, text =
    argv[at], argv[at + 1], argv[at + 2], argv[at + 3], argv[at + 4], argv[at + 5]
  local name = batch.names[at]
  local named = name and name .. id or id
  local event, refusal, dry, short
  if in_transit and must_wait(batch, argv, at) then
    give_up(batch, argv, at)
    return '~'
  end
  if kind == 'c' or kind == 'd' then
    event, refusal, short = decide_entry(batch, kind, named, of, amount, text, now)
  elseif kind == 'x' then
    refusal = text
  else
    event, refusal, dry = ask_rules(batch, argv, at, named, now)
    -- An account that was opened just so before: nothing happens, and its row is the answer.
    if event == false then
      return ('*%s %s'):format(row_of(batch.accounts[of]), match(batch.details[of], '^%S* (.*)$'))
    end
  end
  if refusal then
    if in_transit and kind ~= 'x' and hangs_on_transit(batch, argv, at, named, refusal, now) then refusal = '~' end
    give_up(batch, argv, at)
    if not find(refusal, '^%l') then return refusal end
  end
  if dry then return event and '=0 0 ' .. event or '!' .. refusal end
  local answer, outcome
  if short then
    answer = '=' .. event
    outcome = sub(answer, 1, #answer - #named - #text - 2)
    add_event(batch, event)
  elseif event then
    answer = '=' .. text_of[batch.g] .. ' ' .. text_of[#batch.events / 2] .. ' ' .. event .. (batch.hold_text or '')
    -- A part that was prepared is told by its own key.
    outcome = kind == 'q' and '=' or answer
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
