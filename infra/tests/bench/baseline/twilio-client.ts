import twilio, { type RequestClient } from 'twilio'

type Request = Parameters<RequestClient['request']>[0]

/** The official client with its requests sent to a simulator on this machine. */
export function twilioClientTo(port: number): RequestClient {
  class Redirected extends twilio.RequestClient {
    override request<T>(options: Request) {
      const uri = options.uri.replace('https://api.twilio.com', `http://127.0.0.1:${port}`)
      return super.request<T>({ ...options, uri } as Parameters<RequestClient['request']>[0] & { data?: T })
    }
  }
  return new Redirected()
}
