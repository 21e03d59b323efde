import { type Brand, plainBrand } from '#channels/email/layout.ts'
import type { Replies } from '#channels/sms/replies.ts'
import type { Config } from '#runtime/config.ts'

/** What mails look like. */
export const brandOf = ({ mail }: Config): Brand => ({
  ...{ name: mail.brand ?? plainBrand.name, colour: mail.colour ?? plainBrand.colour, postal: mail.postal },
})

/** Who answers people that text us. */
export const repliesOf = (config: Config): Replies => ({ brand: brandOf(config).name, help: config.smsHelp })
