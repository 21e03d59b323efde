import type { EmailContent } from '#contracts/catalogue.ts'

/** Mailboxes that answers may go to, by the names that contents call them by. */
export type ReplyTo = Readonly<Record<string, string>>

/** What is wrong with the name that a content calls its mailbox by; undefined where it is one of these. */
export const replyFault =
  (replyTo: ReplyTo) =>
  ({ replyTo: name }: Pick<EmailContent, 'replyTo'>): string | undefined =>
    name === undefined || Object.hasOwn(replyTo, name)
      ? undefined
      : `its replyTo is none of ${Object.keys(replyTo).join(', ')}`
