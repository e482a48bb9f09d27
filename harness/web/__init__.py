"""HTTP as the embedded servers speak it: messages, and one keep-alive server for all apps."""
