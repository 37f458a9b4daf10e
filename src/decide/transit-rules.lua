-- Made from src/ledger/transit-rules.ts by `npm run compile-rules`. Change that file, not this one.
local ____exports = {}
local addSide, removeSide
local ____rules_2Ets = require("ledger.rules")
local applyTransaction = ____rules_2Ets.applyTransaction
local checkTransaction = ____rules_2Ets.checkTransaction
local MONEY_CENTS_MAX = ____rules_2Ets.MONEY_CENTS_MAX
local moveFirst = ____rules_2Ets.moveFirst
local undoTransaction = ____rules_2Ets.undoTransaction
function addSide(side)
    local account = side.account
    account.held = account.held + side.outgoing
    if account.parts == nil or account.outgoing == nil or account.incoming == nil or account.locks == nil then
        account.parts = 1
        account.outgoing = side.outgoing
        account.incoming = side.incoming
        account.locks = side.locks
        return
    end
    account.parts = account.parts + 1
    account.outgoing = account.outgoing + side.outgoing
    account.incoming = account.incoming + side.incoming
    account.locks = account.locks + side.locks
end
function removeSide(side)
    local account = side.account
    account.held = account.held - side.outgoing
    if account.parts == nil or account.outgoing == nil or account.incoming == nil or account.locks == nil then
        return
    end
    account.parts = account.parts - 1
    account.outgoing = account.outgoing - side.outgoing
    account.incoming = account.incoming - side.incoming
    account.locks = account.locks - side.locks
    if account.parts > 0 then
        return
    end
    account.parts = nil
    account.outgoing = nil
    account.incoming = nil
    account.locks = nil
end
function ____exports.applyAcross(transaction, away, frozenMayPay, now)
    local found = checkTransaction(transaction, frozenMayPay)
    if found ~= nil then
        return found
    end
    do
        local index = 0
        while index < #away.accounts do
            local account = away.accounts[index + 1]
            if account ~= nil then
                account.unit = ""
            end
            index = index + 1
        end
    end
    if away.refusal == nil then
        return moveFirst(transaction, #transaction.postings, now)
    end
    local count = away.refusedAt
    if away.refusal ~= "limit-exceeded" then
        count = count + 1
    end
    local refusal = moveFirst(transaction, count, now)
    if refusal ~= nil then
        return refusal
    end
    undoTransaction(transaction, count)
    transaction.refusedAt = away.refusedAt
    return away.refusal
end
function ____exports.captureAcross(account, amount, transaction, away, now)
    account.held = account.held - amount
    local refusal = ____exports.applyAcross(transaction, away, true, now)
    if refusal ~= nil then
        account.held = account.held + amount
    end
    return refusal
end
local function measureSide(side, transaction, before)
    do
        local index = 0
        while index < #transaction.postings do
            local posting = transaction.postings[index + 1]
            if posting ~= nil then
                local balance = before
                if posting.from == side.account then
                    balance = posting.fromBalance
                end
                if posting.to == side.account then
                    balance = posting.toBalance
                end
                if before - balance > side.outgoing then
                    side.outgoing = before - balance
                end
                if balance - before > side.incoming then
                    side.incoming = balance - before
                end
            end
            index = index + 1
        end
    end
end
function ____exports.preparePart(part, now)
    local transaction = part.transaction
    local refusal = applyTransaction(transaction, false, now)
    if refusal ~= nil then
        return refusal
    end
    undoTransaction(transaction, #transaction.postings)
    do
        local index = 0
        while index < #part.sides do
            local side = part.sides[index + 1]
            if side ~= nil then
                local account = side.account
                measureSide(side, transaction, account.balance)
                if account.held + side.outgoing > MONEY_CENTS_MAX then
                    return "balance-out-of-range"
                end
                local incoming = side.incoming
                if account.incoming ~= nil then
                    incoming = incoming + account.incoming
                end
                if incoming > MONEY_CENTS_MAX then
                    return "balance-out-of-range"
                end
            end
            index = index + 1
        end
    end
    do
        local index = 0
        while index < #part.sides do
            local side = part.sides[index + 1]
            if side ~= nil then
                addSide(side)
            end
            index = index + 1
        end
    end
    return nil
end
function ____exports.undoPart(part)
    do
        local index = 0
        while index < #part.sides do
            local side = part.sides[index + 1]
            if side ~= nil then
                removeSide(side)
            end
            index = index + 1
        end
    end
end
function ____exports.finishPart(part, now)
    ____exports.undoPart(part)
    return moveFirst(part.transaction, #part.transaction.postings, now)
end
function ____exports.leaveParts(account)
    if account.outgoing ~= nil then
        account.held = account.held - account.outgoing
    end
    account.parts = nil
    account.outgoing = nil
    account.incoming = nil
end
return ____exports
