import { status } from '@grpc/grpc-js'

export type Refusal = Error & { code: status; details: string }

/** An error that reaches the caller as a gRPC status: the sentence says what is wrong and what to do. */
export function refusal(code: status, sentence: string): Refusal {
  return Object.assign(new Error(sentence), { code, details: sentence })
}

/** The call asks for something malformed or out of bounds. */
export function invalid(sentence: string): Refusal {
  return refusal(status.INVALID_ARGUMENT, sentence)
}

/** The named topic or subscription does not exist here. */
export function notFound(name: string): Refusal {
  return refusal(status.NOT_FOUND, `Resource not found (resource=${name}).`)
}

/** Google Cloud Pub/Sub can do this, the local server cannot. */
export function unimplemented(feature: string): Refusal {
  return refusal(
    status.UNIMPLEMENTED,
    `The local Pub/Sub server does not implement ${feature}; use Google Cloud Pub/Sub for it.`,
  )
}

/** What any error becomes on the wire: a refusal as it is, everything else INTERNAL. */
export function toStatus(error: unknown): Refusal {
  if (error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error) {
    return error as Refusal
  }
  return refusal(status.INTERNAL, `The local Pub/Sub server failed: ${String(error)}`)
}
