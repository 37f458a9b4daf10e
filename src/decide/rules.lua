-- Made from src/ledger/rules.ts by `npm run compile-rules`. Change that file, not this one.
local ____exports = {}
local undoDebit
function undoDebit(posting)
    local from = posting.from
    if from == false or from.unit == "" then
        return
    end
    from.balance = from.balance + posting.amount
    from.seq = from.seq - 1
    from.time = posting.fromTime
end
____exports.MONEY_CENTS_MAX = 9007199254740991
function ____exports.openAccount(creditLimit, unit, now)
    return {
        creditLimit = creditLimit,
        balance = 0,
        held = 0,
        seq = 0,
        time = now,
        unit = unit,
        state = "open"
    }
end
function ____exports.availableOf(account)
    local available = account.balance - account.held + account.creditLimit
    if available > ____exports.MONEY_CENTS_MAX then
        return ____exports.MONEY_CENTS_MAX
    end
    return available
end
function ____exports.debit(account, value, now)
    local balance = account.balance - value
    if balance - account.held < -account.creditLimit then
        return "limit-exceeded"
    end
    account.balance = balance
    account.seq = account.seq + 1
    local time = account.time + 1
    if now > time then
        time = now
    end
    account.time = time
    return nil
end
function ____exports.credit(account, value, now)
    local balance = account.balance + value
    if balance > ____exports.MONEY_CENTS_MAX then
        return "balance-out-of-range"
    end
    if account.incoming ~= nil and balance + account.incoming > ____exports.MONEY_CENTS_MAX then
        return "balance-out-of-range"
    end
    account.balance = balance
    account.seq = account.seq + 1
    local time = account.time + 1
    if now > time then
        time = now
    end
    account.time = time
    return nil
end
function ____exports.transact(account, kind, value, now)
    if account.state == "closed" then
        return "account-closed"
    end
    if kind == "credit" then
        return ____exports.credit(account, value, now)
    end
    if account.state == "frozen" then
        return "account-frozen"
    end
    return ____exports.debit(account, value, now)
end
local function checkSides(posting, frozenMayPay)
    local from = posting.from
    local to = posting.to
    if from == false or to == false then
        return "account-unknown"
    end
    if from.state == "closed" or to.state == "closed" then
        return "account-closed"
    end
    if from.state == "frozen" and not frozenMayPay then
        return "account-frozen"
    end
    if from.unit ~= to.unit and from.unit ~= "" and to.unit ~= "" then
        return "unit-mismatch"
    end
    return nil
end
local function isMet(condition)
    local account = condition.account
    if account == false then
        return false
    end
    local value = account.balance
    if condition.what == "available" then
        value = ____exports.availableOf(account)
    end
    if condition.what == "seq" then
        value = account.seq
    end
    return value >= condition.least and value <= condition.most
end
local function move(posting, now)
    local from = posting.from
    local to = posting.to
    if from == false or to == false then
        return "account-unknown"
    end
    if from.unit ~= "" then
        posting.fromTime = from.time
        local refusal = ____exports.debit(from, posting.amount, now)
        if refusal ~= nil then
            return refusal
        end
        posting.fromSeq = from.seq
        posting.fromBalance = from.balance
    end
    if to.unit ~= "" then
        posting.toTime = to.time
        local refusal = ____exports.credit(to, posting.amount, now)
        if refusal ~= nil then
            undoDebit(posting)
            return refusal
        end
        posting.toSeq = to.seq
        posting.toBalance = to.balance
    end
    return nil
end
local function undoCredit(posting)
    local to = posting.to
    if to == false or to.unit == "" then
        return
    end
    to.balance = to.balance - posting.amount
    to.seq = to.seq - 1
    to.time = posting.toTime
end
function ____exports.undoTransaction(transaction, count)
    do
        local index = count - 1
        while index >= 0 do
            local posting = transaction.postings[index + 1]
            if posting ~= nil then
                undoCredit(posting)
                undoDebit(posting)
            end
            index = index - 1
        end
    end
end
function ____exports.checkTransaction(transaction, frozenMayPay)
    local postings = transaction.postings
    local conditions = transaction.conditions
    do
        local index = 0
        while index < #postings do
            local posting = postings[index + 1]
            if posting ~= nil then
                transaction.refusedAt = index
                local refusal = checkSides(posting, frozenMayPay)
                if refusal ~= nil then
                    return refusal
                end
            end
            index = index + 1
        end
    end
    do
        local index = 0
        while index < #conditions do
            local condition = conditions[index + 1]
            if condition ~= nil then
                transaction.refusedAt = index
                if condition.account == false then
                    return "account-unknown"
                end
                if not isMet(condition) then
                    return "condition-failed"
                end
            end
            index = index + 1
        end
    end
    return nil
end
function ____exports.moveFirst(transaction, count, now)
    local postings = transaction.postings
    do
        local index = 0
        while index < count do
            local posting = postings[index + 1]
            if posting ~= nil then
                transaction.refusedAt = index
                local refusal = move(posting, now)
                if refusal ~= nil then
                    ____exports.undoTransaction(transaction, index)
                    return refusal
                end
            end
            index = index + 1
        end
    end
    return nil
end
function ____exports.applyTransaction(transaction, frozenMayPay, now)
    local refusal = ____exports.checkTransaction(transaction, frozenMayPay)
    if refusal ~= nil then
        return refusal
    end
    return ____exports.moveFirst(transaction, #transaction.postings, now)
end
function ____exports.hold(account, amount)
    if account.state == "closed" then
        return "account-closed"
    end
    if account.state == "frozen" then
        return "account-frozen"
    end
    if account.balance - account.held - amount < -account.creditLimit then
        return "limit-exceeded"
    end
    if account.held + amount > ____exports.MONEY_CENTS_MAX then
        return "balance-out-of-range"
    end
    account.held = account.held + amount
    return nil
end
function ____exports.endHold(account, amount)
    account.held = account.held - amount
end
function ____exports.capture(account, amount, transaction, now)
    account.held = account.held - amount
    local refusal = ____exports.applyTransaction(transaction, true, now)
    if refusal ~= nil then
        account.held = account.held + amount
    end
    return refusal
end
function ____exports.changeAccount(account, creditLimit, state)
    if account.state == "closed" then
        return "account-closed"
    end
    if account.balance - account.held < -creditLimit then
        return "limit-too-low"
    end
    if state == "closed" and (account.balance ~= 0 or account.held ~= 0) then
        return "account-not-empty"
    end
    if state == "closed" and account.parts ~= nil then
        return "account-not-empty"
    end
    account.creditLimit = creditLimit
    account.state = state
    return nil
end
return ____exports
