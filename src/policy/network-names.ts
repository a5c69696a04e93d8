/** Names the filters `Protocol`, `Family`, `State` and `FileType` accept and events carry; synonyms come after the name they stand for. */

export const protocolNumbers: ReadonlyMap<string, number> = new Map([
  ['IPPROTO_IP', 0],
  ['IPPROTO_ICMP', 1],
  ['IPPROTO_IGMP', 2],
  ['IPPROTO_IPIP', 4],
  ['IPPROTO_TCP', 6],
  ['IPPROTO_EGP', 8],
  ['IPPROTO_PUP', 12],
  ['IPPROTO_UDP', 17],
  ['IPPROTO_IDP', 22],
  ['IPPROTO_TP', 29],
  ['IPPROTO_DCCP', 33],
  ['IPPROTO_IPV6', 41],
  ['IPPROTO_RSVP', 46],
  ['IPPROTO_GRE', 47],
  ['IPPROTO_ESP', 50],
  ['IPPROTO_AH', 51],
  ['IPPROTO_MTP', 92],
  ['IPPROTO_BEETPH', 94],
  ['IPPROTO_ENCAP', 98],
  ['IPPROTO_PIM', 103],
  ['IPPROTO_COMP', 108],
  ['IPPROTO_SCTP', 132],
  ['IPPROTO_UDPLITE', 136],
  ['IPPROTO_MPLS', 137],
  ['IPPROTO_ETHERNET', 143],
  ['IPPROTO_RAW', 255],
  ['IPPROTO_MPTCP', 262],
]);

const familyNames =
  'UNSPEC UNIX INET AX25 IPX APPLETALK NETROM BRIDGE ATMPVC X25 INET6 ROSE DECnet NETBEUI SECURITY KEY NETLINK PACKET ' +
  'ASH ECONET ATMSVC RDS SNA IRDA PPPOX WANPIPE LLC IB MPLS CAN TIPC BLUETOOTH IUCV RXRPC ISDN PHONET IEEE802154 CAIF ' +
  'ALG NFC VSOCK KCM QIPCRTR SMC XDP MCTP';

/** `include/linux/socket.h`: the families are numbered without gaps; two have a second name. */
export const familyNumbers: ReadonlyMap<string, number> = new Map([
  ...familyNames.split(' ').map((name, number) => [`AF_${name}`, number] as const),
  ['AF_LOCAL', 1],
  ['AF_ROUTE', 16],
]);

/** `include/net/tcp_states.h`. */
export const stateNumbers: ReadonlyMap<string, number> = new Map(
  (
    'ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING ' +
    'NEW_SYN_RECV'
  )
    .split(' ')
    .map((name, index) => [`TCP_${name}`, index + 1] as const),
);

/** Values of `mode & S_IFMT`. */
export const fileTypeNumbers: ReadonlyMap<string, number> = new Map([
  ['sock', 0o140000],
  ['socket', 0o140000],
  ['lnk', 0o120000],
  ['link', 0o120000],
  ['reg', 0o100000],
  ['regular', 0o100000],
  ['blk', 0o060000],
  ['block', 0o060000],
  ['dir', 0o040000],
  ['chr', 0o020000],
  ['char', 0o020000],
  ['fifo', 0o010000],
  ['pipe', 0o010000],
]);
