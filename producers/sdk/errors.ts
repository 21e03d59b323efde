/** Not sent: what was asked for is wrong, or the call is not possible here. Repeating it unchanged changes nothing. */
export class RefusedError extends Error {
  readonly code = 'refused'
  /** Every problem found, each naming its field. May quote what a schema says of the data: for the caller, not for logs. */
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`nothing was sent: ${problems.join('; ')}`)
    this.name = 'RefusedError'
    this.problems = problems
  }
}

/** Surely not stored: nobody will be notified unless the call is repeated. */
export class NotStoredError extends Error {
  readonly code = 'not_stored'
  /** Keys of the intents that are not stored. Of `notifyMany`, those not named here are. */
  keys: readonly string[] = []
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NotStoredError'
  }
}

/** May be stored, may be not: repeat the call with the same keys, which can never notify twice. */
export class UnknownError extends Error {
  readonly code = 'unknown'
  /** Keys of the intents that may not be stored. Of `notifyMany`, those not named here are. */
  keys: readonly string[] = []
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnknownError'
  }
}
