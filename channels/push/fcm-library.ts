import type { Message, Messaging } from 'firebase-admin/messaging'
import { DeadlineError, withDeadline } from '#runtime/deadline.ts'
import type { FcmReply, SendEachOptions } from './fcm-direct.ts'

const late: FcmReply = { success: false, error: { code: 'deadline' } }

/**
 * The library's `sendEach`, within `ms`. It tells of no message before it can tell of all, so one that hangs would take the
 * answers of the others along: at the deadline they are asked of its requests, and only what has none by then is `deadline`.
 * Rejects with a `DeadlineError` where they cannot be told apart, and as the library does.
 */
export async function sendEach(messaging: Messaging, messages: readonly Message[], { ms, dryRun }: SendEachOptions) {
  const requests: Promise<FcmReply>[] = []
  const call = heardBy(requests, messaging).sendEach([...messages], dryRun)
  try {
    return (await withDeadline(call, { ms, what: 'FCM' })).responses
  } catch (error) {
    // It makes them in the order of the messages; of one that it refuses itself it makes none.
    if (!(error instanceof DeadlineError) || requests.length < messages.length) throw error
    return Promise.all(requests.map(request => Promise.race([request, Promise.resolve(late)]).catch(failed)))
  }
}

/** As the library tells of a request that failed. */
const failed = (error: NonNullable<FcmReply['error']>): FcmReply => ({ success: false, error })

type Request = (...terms: readonly unknown[]) => Promise<FcmReply>
/** Its own part, and no promise of its: should it ever get another name, nothing is heard before all are told of. */
type Inside = { messagingRequestHandler?: { invokeHttp2RequestHandlerForSendResponse?: Request } }

/** The same client for one call, whose requests it puts down. */
function heardBy(requests: Promise<FcmReply>[], messaging: Messaging): Messaging {
  const { messagingRequestHandler: handler } = messaging as unknown as Inside
  const invoke: Request = (...terms) => {
    const request = handler!.invokeHttp2RequestHandlerForSendResponse!(...terms)
    requests.push(request)
    return request
  }
  const heard = Object.create(handler ?? null, {
    invokeHttp2RequestHandlerForSendResponse: { value: invoke },
  }) as object
  return Object.create(messaging, { messagingRequestHandler: { value: heard } }) as Messaging
}
