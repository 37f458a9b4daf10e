-- What a batch has decided so far, to go back to where all that follows is to be kept or nothing of it.

local function copy(row)
  local made = {}
  for name, value in pairs(row) do
    made[name] = value
  end
  return made
end

-- What commands change of a batch, beside its lists.
local TABLES = {
  'accounts', 'holds', 'details', 'reversed', 'written', 'ended', 'outcomes', 'contents', 'parts', 'transits',
}
local LISTS = { 'events', 'seen', 'remembered', 'opened', 'over' }

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
  local saved = {}
  for _, name in ipairs(LISTS) do
    saved[name] = #batch[name]
  end
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
  for _, name in ipairs(LISTS) do
    shorten(batch[name], saved[name])
  end
  for _, name in ipairs(TABLES) do
    batch[name] = saved[name]
  end
end
