// test_vmx_check.c: being written.
int main(void) { return 0; }
