-- Made from src/ledger/rules.ts by `npm run compile-rules`. Change that file, not this one.
local ____exports = {}
____exports.MONEY_CENTS_MAX = 9007199254740991
function ____exports.openAccount(creditLimit, now)
    return {
        creditLimit = creditLimit,
        balance = 0,
        held = 0,
        seq = 0,
        time = now
    }
end
function ____exports.transact(account, kind, value, now)
    local balance = account.balance
    if kind == "debit" then
        balance = balance - value
        if balance - account.held < -account.creditLimit then
            return "limit-exceeded"
        end
    else
        balance = balance + value
        if balance > ____exports.MONEY_CENTS_MAX then
            return "balance-out-of-range"
        end
    end
    local time = account.time + 1
    if now > time then
        time = now
    end
    account.balance = balance
    account.seq = account.seq + 1
    account.time = time
    return nil
end
function ____exports.changeLimit(account, creditLimit)
    if account.balance - account.held < -creditLimit then
        return "limit-too-low"
    end
    account.creditLimit = creditLimit
    return nil
end
return ____exports
